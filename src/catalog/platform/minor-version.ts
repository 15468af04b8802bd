/** Major and minor of a version such as `1.29.6`, `v1.33.13-eks-1`, `1.29`; undefined for a build without numbers. */
export function minorOf(
  version: string,
): { readonly major: number; readonly minor: number; readonly patch: number } | undefined {
  const [, major, minor, patch] = /^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,6}))?/.exec(version) ?? [];
  return major === undefined || minor === undefined
    ? undefined
    : { major: Number(major), minor: Number(minor), patch: Number(patch ?? 0) };
}

/** How many minors the first version is ahead of the second; undefined where one has no numbers or the majors differ. */
export function minorsAhead(version: string, other: string): number | undefined {
  const a = minorOf(version);
  const b = minorOf(other);
  return a === undefined || b === undefined || a.major !== b.major ? undefined : a.minor - b.minor;
}

/** `1.29` of `1.29.6`. */
export function minorName(version: string): string | undefined {
  const parts = minorOf(version);
  return parts === undefined ? undefined : `${parts.major}.${parts.minor}`;
}
