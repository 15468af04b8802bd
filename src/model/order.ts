/** Orders text by code unit: the same on every machine, unlike the locale's order. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The earlier of two ISO 8601 UTC times. */
export const earlier = (a: string, b: string): string => (byText(a, b) <= 0 ? a : b);

/** The later of two ISO 8601 UTC times. */
export const later = (a: string, b: string): string => (byText(a, b) >= 0 ? a : b);
