/** Whether text on standard output may be coloured: the flag, then NO_COLOR, then FORCE_COLOR, then what it is. */
export function wantsColor(
  flag: boolean,
  isTerminal: boolean,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (!flag || env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  return isTerminal && env['TERM'] !== 'dumb';
}
