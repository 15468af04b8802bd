/**
 * Secrets never enter a fact: every line kept as text passes here. A literal test comes first because most lines hold
 * nothing to hide; the expressions run only where a literal was found. The stand-in says what was taken.
 */
const literals =
  /BEGIN |eyJ|LS0tLS1|bearer|basic |authorization|cookie|passw|passphrase|pwd|secret|token|api[-_]?key|[-_](?:key|pass)\b|accountkey|sharedaccess|honeycomb|credential|key-data|\s-u\s|inline_?bytes|"[dpqk][pqi]?\\*" ?:|gh[pousr]_|github_pat_|glpat-|hvs\.|xox[abprs]-|[?&;](?:[\w-]{0,40}(?:sig|signature|credential|session|sessionid|sessid|key)|code|sid|jwt|auth|pass|ticket|assertion|saml\w{1,10})=|:\/\/[^\s/@]{1,300}@|"[^\s"@/:]{1,100}:[^\s"@/]{1,100}@/i;

/** Names that stand before nothing but a secret, at the end of a longer name too: `DB_PASSWORD`, `x-api-key`. */
const secretName =
  'passw(?:or)?d|passphrase|(?:client|hmac)[-_]?secret|(?:access|refresh|auth|id|session|security|bearer|csrf|xsrf|api|bootstrap)[-_]?token|(?:api|subscription|functions|account|shared[-_]?access|secret(?:[-_]?access)?)[-_]?key|shared[-_]?access[-_]?signature|honeycomb-team|key-data';
const headerName = `(?:proxy-)?authorization|(?:set-)?cookie|${secretName}|x-[\\w-]{0,30}(?:token|secret)|token`;

/** A value in quotes, escaped or cut off too, else one word. What opens a map or a list is no value. */
const value = String.raw`\\+"[^"\n]*|"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|\{\w+\}[^\s,;}&"']+|[^\s,;}&"'{[][^\s,;}&"']*`;

const rules: readonly (readonly [RegExp, string | ((found: string) => string)])[] = [
  // PEM private keys, on one line (escaped line ends) or over several.
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[^-]*(?:-----END \1-----)?/g, '[masked private key]'],
  // The same in base64, as Envoy and Secrets hold them; a bundle may begin with its certificate.
  [/[A-Za-z0-9+/]{24,}={0,2}/g, (found) => (isPrivateKey.test(found) ? '[masked private key]' : found)],
  // Bytes that Envoy was given in place, certificates left aside.
  [/(inline_?bytes\\*["']?\s*:\s*\\*["']?)(?!LS0tLS1CRUdJTiBDRVJU)[A-Za-z0-9+/_-]{8,}={0,2}/gi, '$1[masked]'],
  // Private parts of JSON Web Keys.
  [/("(?:d|p|q|dp|dq|qi|k)\\*"\s*:\s*\\*")[\w-]{16,}/g, '$1[masked]'],
  // JSON Web Tokens: three base64url parts, the first two begin with `{"`.
  [/[\w.-]{20,}/g, (found) => (found.includes('eyJ') ? withoutTokens(found) : found)],
  // Tokens that say by their first letters who gave them out.
  [/\b(?:gh[pousr]_|github_pat_|glpat-|hvs\.|xox[abprs]-)[\w-]{16,}/g, '[masked token]'],
  // Header-like pairs: authorization and cookies to the end of the value.
  [
    /(\b(?:proxy-)?authorization\\*["']?\s*[:=]\s*|\b(?:set-)?cookie\\*["']?\s*[:=]\s*)(?!\[masked)(\\+"[^"\n]*|"[^"\n]*"?|'[^'\n]*'?|[^\s,;}\]{["'][^\n,}\]"']*)/gi,
    '$1[masked]',
  ],
  [/\b(bearer|basic) +(?!\[masked)[\w.~+/=-]{8,}/gi, '$1 [masked]'],
  // A header as Envoy logs it, `'cookie', 'sid=1'`, and as Lua sets it.
  [new RegExp(`((["'])[\\w-]{0,30}(?:${headerName})\\2, *)("[^"\\n]*"|'[^'\\n]*')(?!\\s*:)`, 'gi'), '$1[masked]'],
  // A name and its value as two fields: `{"name": "DB_PASSWORD", "value": "…"}`.
  [
    new RegExp(
      String.raw`("(?:name|key)\\*"\s*:\s*\\*"[\w.-]{0,60}(?:${headerName})\\*"\s*,\s*\\*"value\\*"\s*:\s*)(\\+"[^"\n]*|"(?:[^"\\\n]|\\.)*"?)`,
      'gi',
    ),
    '$1[masked]',
  ],
  // A secret that Envoy was given in place, on one line.
  [
    /((?:secret|password|token|key)\\*"\s*:\s*\{\s*\\*"inline_?(?:string|bytes)\\*"\s*:\s*)(\\+"[^"\n]*|"(?:[^"\\\n]|\\.)*"?)/gi,
    '$1[masked]',
  ],
  // Maps and lists in the flow style of YAML and JSON.
  [
    new RegExp(
      String.raw`((?:${secretName})\\*["']?\s*:\s*)\{[^{}\n]{0,2000}(?:\{[^{}\n]{0,2000}\}[^{}\n]{0,2000})?\}`,
      'gi',
    ),
    '$1[masked]',
  ],
  [/(\b(?:credentials|tokens|passwords)\\*["']?\s*:\s*)\[[^\]\n]{0,5000}\]/gi, '$1[masked]'],
  // key=value and "key": "value" of passwords, keys and tokens. Words that only name a file or an object stay readable.
  [
    new RegExp(String.raw`((?:${secretName})(?:\\*["']?\s*[:=]\s*|%22%3A%22|%3D))(?!\[masked)(${value})`, 'gi'),
    '$1[masked]',
  ],
  [new RegExp(String.raw`([;"'\s]pwd\s*=\s*)(?!\[masked|\/)(${value})`, 'gi'), '$1[masked]'],
  [
    new RegExp(
      String.raw`\b(TOKEN|SECRET|[A-Z][A-Z0-9_]{0,40}_(?:TOKEN|SECRET))(\s*[:=]\s*)(?!\[masked)(${value})`,
      'g',
    ),
    '$1$2[masked]',
  ],
  // `token` and `pass` stand before many words; what has digits and no blanks for 16 characters is none of them.
  [/((?:token|[-_]pass)\\*["']?\s*[:=]\s*\\*["']?)(?=[\w.~+/=-]{0,100}\d)[\w.~+/=-]{16,}/gi, '$1[masked]'],
  // A name of Kubernetes has no capitals: what has some behind `secret` is the secret itself.
  [
    /((?:secret|credential)\\*["']?\s*[:=]\s*\\*["']?)(?=[\w.~+/=-]{0,100}\d)(?=[\w.~+/=-]{0,100}[A-Z])[\w.~+/=-]{16,}/g,
    '$1[masked]',
  ],
  [/(\s-u\s+[^\s:]{1,100}:)[^\s"']+/g, '$1[masked]'],
  [/(token[ "':=]+)[a-z0-9]{6}\.[a-z0-9]{16}\b/gi, '$1[masked]'],
  // Options of a command line: `--token x`.
  [
    /(--(?:[\w-]{0,40}-)?(?:password|passwd|passphrase|pass|token|secret|api-?key|access-?key)(?:=| +))(?![-=[{|])("[^"\n]*"?|'[^'\n]*'?|[^\s"']+)/gi,
    '$1[masked]',
  ],
  // Shared access signatures, sessions and tokens in query strings.
  [
    /([?&;](?:[\w-]{0,40}(?:token|secret|sig|signature|credential|session|sessionid|sessid|api_?key|-key)|code|key|password|passwd|pass|pwd|sid|jwt|auth|ticket|assertion|saml\w{1,10})=)(?!\[masked)[^&\s"']+/gi,
    '$1[masked]',
  ],
  // user:password@ in URLs; a password may hold an @ itself. A user without password is a token where it is long.
  [/(:\/\/)[^\s/@:"']{0,100}:[^\s/"']{1,200}@/g, '$1[masked]@'],
  [/(:\/\/)[\w.~-]{20,200}@/g, '$1[masked]@'],
  [/"[^\s"@/:]{1,100}:[^\s"@/]{1,100}(@[\w.-]{1,200}(?::\d+)?")/g, '"[masked]$1'],
];

/** `PRIVATE KEY-` in base64, at each of the three ways it can meet the groups of three bytes. */
const isPrivateKey = /UFJJVkFURSBLRVkt|BSSVZBVEUgS0VZL|QUklWQVRFIEtFWS/;

/** A run of base64url and dots without JSON Web Tokens. By hand: an expression would start anew at each `eyJ`. */
function withoutTokens(run: string): string {
  const parts = run.split('.');
  const kept: string[] = [];
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] ?? '';
    const start = part.indexOf('eyJ');
    const claims = parts[index + 1] ?? '';
    if (start < 0 || part.length - start < 11 || claims.length < (claims.startsWith('eyJ') ? 7 : 8)) kept.push(part);
    else {
      kept.push(`${part.slice(0, start)}[masked token]`);
      index += 2;
    }
  }
  return kept.join('.');
}

/** The text without private keys, tokens, cookies, authorization values, passwords and connection strings. */
export function mask(text: string): string {
  if (!literals.test(text)) return text;
  let masked = text;
  for (const [pattern, standIn] of rules) {
    masked = typeof standIn === 'string' ? masked.replace(pattern, standIn) : masked.replace(pattern, standIn);
  }
  return masked;
}
