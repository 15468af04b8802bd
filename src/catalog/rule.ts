import type { Location } from '../input/location.ts';
import type { Facet, Mesh } from '../model/mesh.ts';
import type { LogSignature } from '../parse/reader.ts';

export type NonEmpty<T> = readonly [T, ...T[]];

/** Narrows a list for the types that want at least one. */
export const isNonEmpty = <T>(items: readonly T[]): items is NonEmpty<T> => items.length > 0;

export type Severity = 'error' | 'warning' | 'info';
export type Confidence = 'certain' | 'likely' | 'possible';

/** What to do: an imperative sentence with an object, and a command. `{{name}}` is filled from the occurrence's facts. */
export interface Remedy {
  readonly do: string;
  readonly run?: string;
}

/** What is known about one problem, whoever detects it. */
export interface CatalogEntry {
  /** A noun in the failing state, kebab-case: `unhealthy-upstream`. */
  readonly id: string;
  readonly title: string;
  readonly area: Area;
  /**
   * `error`: something fails or will fail for users. `warning`: a risk or a degraded state. `info`: worth knowing, harmless.
   * What is past or unproven is lowered by the occurrence's own `severity`.
   */
  readonly severity: Severity;
  /** One or two sentences: why it hurts and how it works. */
  readonly why: string;
  readonly fix: NonEmpty<Remedy>;
  /** https addresses. */
  readonly references: readonly string[];
  /** Where the condition comes from: knowledge.md row, Istio or Envoy source, a documentation page. */
  readonly source?: string;
}
export type Area =
  | 'control-plane'
  | 'data-plane'
  | 'traffic'
  | 'security'
  | 'configuration'
  | 'gateway'
  | 'injection'
  | 'aks'
  | 'ambient'
  | 'platform'
  | 'istioctl'
  | 'archive';

/** Which step of the request's way a piece of evidence shows; the report draws evidence as a chain in this order. */
export type Stage =
  | 'symptom'
  | 'client'
  | 'route'
  | 'cluster'
  | 'endpoint'
  | 'listener'
  | 'server'
  | 'pod'
  | 'sync'
  | 'policy'
  | 'config'
  | 'event';

/** A place in the archive that shows the problem. Rules give the place; `cite` adds line and quote. */
export interface Evidence extends Location {
  /** Lines as in the archive, already masked; `cite` fills it in when absent. */
  readonly quote?: readonly string[];
  readonly stage?: Stage;
  /** One sentence: what this place shows. */
  readonly say?: string;
  /** Literal parts of the quote to mark. */
  readonly mark?: readonly string[];
}

/**
 * What an occurrence is about. Two occurrences can be cause and consequence only where their scopes overlap: each key
 * that both name must be equal; `service` is `name.namespace` (no domain), `host` as configured or requested.
 * A wider scope (no pod) overlaps every narrower one.
 */
export interface Scope {
  readonly revision?: string;
  readonly namespace?: string;
  /** Instead of `namespace` where one problem is that of several namespaces, but not of the whole mesh. */
  readonly namespaces?: readonly string[];
  readonly workload?: string;
  readonly pod?: string;
  /** Destination: Kubernetes service host in full (`reviews.shop.svc.cluster.local`) or an external host. */
  readonly host?: string;
  readonly subset?: string;
  readonly port?: number;
  readonly node?: string;
}

/** One occurrence of a problem. */
export interface Occurrence {
  /** What is at fault or suffers, as the user would type it: `shop/cart-7d9`, `VirtualService shop/cart`. */
  readonly subject: string;
  readonly scope: Scope;
  /** UTC; absent for configuration. */
  readonly when?: { readonly first: string; readonly last: string };
  /** How often seen (requests, log entries, pods); 1 when absent. */
  readonly count?: number;
  /** Lower case, concrete, names the object: `none of the 2 endpoints of reviews… is healthy`. */
  readonly message: string;
  readonly facts?: Readonly<Record<string, string | number>>;
  readonly evidence: NonEmpty<Evidence>;
  /** Only to lower or raise the entry's severity for this occurrence. */
  readonly severity?: Severity;
  /** It stopped before the archive was made, and the rule has seen it work afterwards. */
  readonly ended?: boolean;
  /** How sure the rule is that this is a fault of its own; `likely` when absent. */
  readonly confidence?: Confidence;
  /** Sentences for "why we believe it", "what speaks against", "what would have told". */
  readonly supports?: readonly string[];
  readonly contradicts?: readonly string[];
  readonly missing?: readonly string[];
}

/** A known problem as found in one archive. */
export interface Finding extends CatalogEntry {
  readonly occurrences: NonEmpty<Occurrence>;
}

/**
 * A catalog entry that can detect itself. `needs`: facets without which it is "not checked". `uses`: facets that
 * sharpen it when present.
 */
export interface Rule<Needs extends Facet = Facet, Uses extends Facet = Facet> extends CatalogEntry {
  readonly needs: readonly Needs[];
  readonly uses?: readonly Uses[];
  /** Facets of `uses` of which each alone proves the problem: without any of them the rule is "not checked". */
  readonly anyOf?: readonly Uses[];
  /** Ids of the problems this one causes where scopes overlap. */
  readonly explains?: readonly string[];
  /** A symptom is never ranked above a cause of the same severity: what users see, not why. */
  readonly symptom?: boolean;
  readonly signatures?: readonly LogSignature[];
  check(mesh: Pick<Mesh, Needs> & Partial<Pick<Mesh, Uses>>): Iterable<Occurrence>;
}

/** The rule as the engine sees it: needs were checked by `examine`. */
export type AnyRule = Rule<never, never>;

/** What came of one rule on one archive. */
export type Outcome =
  | { readonly rule: string; readonly status: 'found'; readonly finding: Finding }
  | { readonly rule: string; readonly status: 'clear' }
  | { readonly rule: string; readonly status: 'skipped'; readonly missing: NonEmpty<Facet> }
  | { readonly rule: string; readonly status: 'failed'; readonly error: string };

/** Checks a rule's types where it is written: `check` sees exactly the facets of `needs` and, optional, of `uses`. */
export const defineRule = <const Needs extends Facet, const Uses extends Facet = never>(
  rule: Rule<Needs, Uses>,
): AnyRule => rule as unknown as AnyRule;
