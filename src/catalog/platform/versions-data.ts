/** A release of Istio and the Kubernetes minors it supports. Dates are days, UTC. */
interface IstioRelease {
  readonly minor: string;
  readonly released: string;
  /** Announced end of support; absent where none was announced yet. */
  readonly endOfLife?: string;
  readonly kubernetes: { readonly from: string; readonly to: string };
  /** Lowest Kubernetes minor that was tested, though not supported. */
  readonly testedFrom?: string;
}

/** A revision of the AKS add-on. AKS gives months: the last day of the month stands for it. */
interface AksRevision {
  readonly revision: string;
  readonly endOfLife: string;
  /** The month was only expected when the data was taken. */
  readonly expected?: boolean;
  readonly kubernetes: { readonly from: string; readonly to: string };
}

/** When and where the data below was taken: rules tell it, so that a reader can see how old it is. */
export const versionsData = {
  istio: { asOf: '2026-09-09', source: 'https://istio.io/latest/docs/releases/supported-releases/' },
  aks: { asOf: '2026-05-15', source: 'https://learn.microsoft.com/en-us/azure/aks/istio-support-policy' },
} as const;

/** Istio's releases, oldest first: supported-releases page, announcements of ends of support, release announcements. */
export const istioReleases: readonly IstioRelease[] = [
  {
    minor: '1.7',
    released: '2020-08-21',
    endOfLife: '2021-02-25',
    kubernetes: { from: '1.16', to: '1.18' },
    testedFrom: '1.15',
  },
  {
    minor: '1.8',
    released: '2020-11-19',
    endOfLife: '2021-05-12',
    kubernetes: { from: '1.16', to: '1.19' },
    testedFrom: '1.15',
  },
  {
    minor: '1.9',
    released: '2021-02-09',
    endOfLife: '2021-10-08',
    kubernetes: { from: '1.17', to: '1.20' },
    testedFrom: '1.15',
  },
  {
    minor: '1.10',
    released: '2021-05-18',
    endOfLife: '2022-01-07',
    kubernetes: { from: '1.18', to: '1.21' },
    testedFrom: '1.16',
  },
  {
    minor: '1.11',
    released: '2021-08-12',
    endOfLife: '2022-03-25',
    kubernetes: { from: '1.18', to: '1.22' },
    testedFrom: '1.16',
  },
  {
    minor: '1.12',
    released: '2021-11-18',
    endOfLife: '2022-07-12',
    kubernetes: { from: '1.19', to: '1.22' },
    testedFrom: '1.16',
  },
  {
    minor: '1.13',
    released: '2022-02-11',
    endOfLife: '2022-10-12',
    kubernetes: { from: '1.20', to: '1.23' },
    testedFrom: '1.16',
  },
  {
    minor: '1.14',
    released: '2022-06-01',
    endOfLife: '2022-12-27',
    kubernetes: { from: '1.21', to: '1.24' },
    testedFrom: '1.16',
  },
  {
    minor: '1.15',
    released: '2022-08-31',
    endOfLife: '2023-04-04',
    kubernetes: { from: '1.22', to: '1.25' },
    testedFrom: '1.16',
  },
  {
    minor: '1.16',
    released: '2022-11-15',
    endOfLife: '2023-07-25',
    kubernetes: { from: '1.22', to: '1.25' },
    testedFrom: '1.16',
  },
  {
    minor: '1.17',
    released: '2023-02-14',
    endOfLife: '2023-10-27',
    kubernetes: { from: '1.23', to: '1.26' },
    testedFrom: '1.16',
  },
  {
    minor: '1.18',
    released: '2023-06-07',
    endOfLife: '2024-01-04',
    kubernetes: { from: '1.24', to: '1.27' },
    testedFrom: '1.20',
  },
  {
    minor: '1.19',
    released: '2023-09-05',
    endOfLife: '2024-04-24',
    kubernetes: { from: '1.25', to: '1.28' },
    testedFrom: '1.21',
  },
  {
    minor: '1.20',
    released: '2023-11-14',
    endOfLife: '2024-06-25',
    kubernetes: { from: '1.25', to: '1.29' },
    testedFrom: '1.23',
  },
  {
    minor: '1.21',
    released: '2024-03-13',
    endOfLife: '2024-09-27',
    kubernetes: { from: '1.26', to: '1.29' },
    testedFrom: '1.23',
  },
  {
    minor: '1.22',
    released: '2024-05-13',
    endOfLife: '2025-01-22',
    kubernetes: { from: '1.27', to: '1.30' },
    testedFrom: '1.23',
  },
  {
    minor: '1.23',
    released: '2024-08-14',
    endOfLife: '2025-04-16',
    kubernetes: { from: '1.27', to: '1.30' },
    testedFrom: '1.23',
  },
  {
    minor: '1.24',
    released: '2024-11-07',
    endOfLife: '2025-06-24',
    kubernetes: { from: '1.28', to: '1.31' },
    testedFrom: '1.23',
  },
  {
    minor: '1.25',
    released: '2025-03-03',
    endOfLife: '2025-09-30',
    kubernetes: { from: '1.29', to: '1.32' },
    testedFrom: '1.24',
  },
  {
    minor: '1.26',
    released: '2025-05-08',
    endOfLife: '2025-12-19',
    kubernetes: { from: '1.29', to: '1.33' },
    testedFrom: '1.24',
  },
  {
    minor: '1.27',
    released: '2025-08-11',
    endOfLife: '2026-03-30',
    kubernetes: { from: '1.29', to: '1.33' },
    testedFrom: '1.24',
  },
  { minor: '1.28', released: '2025-11-05', endOfLife: '2026-07-01', kubernetes: { from: '1.29', to: '1.35' } },
  { minor: '1.29', released: '2026-02-16', endOfLife: '2026-10-12', kubernetes: { from: '1.31', to: '1.35' } },
  { minor: '1.30', released: '2026-05-18', kubernetes: { from: '1.32', to: '1.36' } },
  { minor: '1.31', released: '2026-08-31', kubernetes: { from: '1.32', to: '1.36' } },
];

/** Revisions of the AKS add-on, with the Kubernetes minors of both support plans together. */
export const aksRevisions: readonly AksRevision[] = [
  { revision: 'asm-1-17', endOfLife: '2024-01-31', kubernetes: { from: '1.23', to: '1.28' } },
  { revision: 'asm-1-18', endOfLife: '2024-02-29', kubernetes: { from: '1.24', to: '1.28' } },
  { revision: 'asm-1-19', endOfLife: '2024-06-30', kubernetes: { from: '1.25', to: '1.28' } },
  { revision: 'asm-1-20', endOfLife: '2024-09-30', kubernetes: { from: '1.25', to: '1.29' } },
  { revision: 'asm-1-21', endOfLife: '2024-10-31', kubernetes: { from: '1.26', to: '1.30' } },
  { revision: 'asm-1-22', endOfLife: '2025-03-31', kubernetes: { from: '1.27', to: '1.30' } },
  { revision: 'asm-1-23', endOfLife: '2025-06-30', kubernetes: { from: '1.27', to: '1.32' } },
  { revision: 'asm-1-24', endOfLife: '2025-09-30', kubernetes: { from: '1.28', to: '1.33' } },
  { revision: 'asm-1-25', endOfLife: '2026-01-31', kubernetes: { from: '1.28', to: '1.33' } },
  { revision: 'asm-1-26', endOfLife: '2026-04-30', kubernetes: { from: '1.28', to: '1.34' } },
  { revision: 'asm-1-27', endOfLife: '2026-05-31', kubernetes: { from: '1.29', to: '1.35' } },
  { revision: 'asm-1-28', endOfLife: '2026-08-31', expected: true, kubernetes: { from: '1.30', to: '1.35' } },
  { revision: 'asm-1-29', endOfLife: '2026-09-30', expected: true, kubernetes: { from: '1.31', to: '1.36' } },
  { revision: 'asm-1-30', endOfLife: '2026-12-31', expected: true, kubernetes: { from: '1.32', to: '1.36' } },
];
