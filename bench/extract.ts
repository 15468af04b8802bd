// Reads every byte of an archive through the product's own input layer and does nothing with it.
interface Visited {
  visit(visitor: {
    entry(): { push(chunk: Uint8Array): void; end(): void };
    gap(gap: { readonly detail: string }): void;
  }): Promise<void>;
}

const input = (await import(new URL('../../dist/input/open.js', import.meta.url).href)) as {
  openArchive(path: string): Promise<Visited>;
};
let bytes = 0;
let entries = 0;
const count = (chunk: Uint8Array): void => {
  bytes += chunk.length;
};
const archive = await input.openArchive(process.argv[2] ?? '-');
await archive.visit({
  entry() {
    entries += 1;
    return { push: count, end: () => undefined };
  },
  gap: (gap) => console.error(gap.detail),
});
console.log(`${entries} entries, ${bytes} bytes`);
