import type { Listing } from '../parse/facts.ts';

/**
 * Whether the archive holds every object of a kind in a namespace, so that "there is none" is knowledge. One described pod
 * makes a facet present; it does not say which other pods exist.
 */
export function isListed(listings: readonly Listing[] | undefined, kind: string, namespace: string): boolean {
  return (
    listings?.some(
      (listing) => listing.kind === kind && (listing.namespace === '*' || listing.namespace === namespace),
    ) ?? false
  );
}
