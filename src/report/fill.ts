/** Values of an occurrence, by the names that a remedy's `{{placeholders}}` use. */
export type Facts = Readonly<Record<string, string | number>>;

const placeholder = /\{\{\s*([\w.-]+)\s*\}\}/g;

const known = (facts: Facts, name: string): string | undefined =>
  Object.hasOwn(facts, name) ? String(facts[name]) : undefined;

/** Fills `{{name}}` in a sentence from the facts; a name without a value stays visible as `<name>`. */
export const fill = (text: string, facts: Facts): string =>
  text.replace(placeholder, (_, name: string) => known(facts, name) ?? `<${name}>`);

/** Quoting open at `end` in a shell command: `'`, `"` or none. */
function quoteAt(command: string, end: number): string {
  let open = '';
  for (let index = 0; index < end; index += 1) {
    const char = command.charAt(index);
    if (char === '\\' && open !== "'") index += 1;
    else if (open === '' && (char === "'" || char === '"')) open = char;
    else if (char === open) open = '';
  }
  return open;
}

/**
 * Fills a command that people will paste into a shell. The values come from the archive, so a value with characters that
 * a shell acts on is put in single quotes; where that cannot be done safely the placeholder stays visible as `<name>`.
 */
export const fillCommand = (command: string, facts: Facts): string =>
  command.replace(placeholder, (_, name: string, offset: number) => {
    const value = known(facts, name);
    if (value === undefined || value === '') return `<${name}>`;
    if (/^[\w./@%+=,:][\w./@%+=,:-]*$/.test(value)) return value;
    if (/^-|\p{Cc}/u.test(value) || quoteAt(command, offset) !== '') return `<${name}>`;
    return `'${value.replaceAll("'", "'\\''")}'`;
  });
