/**
 * Secrets never enter a fact: every line kept as text passes here. A literal test comes first because most lines hold
 * nothing to hide; the expressions run only where a literal was found. The stand-in says what was taken.
 */
const literals =
  /BEGIN |eyJ|[Bb]earer|[Aa]uthorization|AUTHORIZATION|[Cc]ookie|[Pp]assw|PASSW|[Ss]ecret|SECRET|[Tt]oken|TOKEN|[Aa]pi[-_]?[Kk]ey|API_?KEY|[Aa]ccount[Kk]ey|[Ss]hared[Aa]ccess|[?&;]sig=|:\/\/[^\s/@]{1,200}@/;

const rules: readonly (readonly [RegExp, string])[] = [
  // PEM private keys, on one line (escaped line ends) or over several.
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[^-]*(?:-----END \1-----)?/g, '[masked private key]'],
  // JSON Web Tokens: three base64url parts, the first two begin with `{"`.
  [/\beyJ[\w-]{8,}\.(?:eyJ[\w-]{4,}|[\w-]{8,})\.?[\w-]*/g, '[masked token]'],
  [/\b([Bb]earer|[Bb]asic) +[\w.~+/=-]{8,}/g, '$1 [masked]'],
  // Header-like pairs: authorization and cookies to the end of the value.
  [
    /(["']?\b(?:[Aa]uthorization|AUTHORIZATION|[Pp]roxy-[Aa]uthorization|[Ss]et-[Cc]ookie|[Cc]ookie)["']?\s*[:=]\s*)(?!\[masked)("[^"]*"|'[^']*'|[^\s,;}\]][^\n,}\]]*)/g,
    '$1[masked]',
  ],
  // key=value and "key": "value" of passwords, keys and tokens. Words that only name a file or an object stay readable.
  [
    /(["']?\b[\w.-]{0,40}(?:[Pp]assword|PASSWORD|[Pp]asswd|PASSWD|[Cc]lient[-_]?[Ss]ecret|CLIENT_SECRET|[Aa]ccess[-_]?[Tt]oken|ACCESS_TOKEN|[Rr]efresh[-_]?[Tt]oken|[Aa]pi[-_]?[Kk]ey|API_?KEY|[Aa]ccount[Kk]ey|[Ss]hared[Aa]ccess(?:[Kk]ey|[Ss]ignature)|SECRET_?KEY|[Ss]ecret[Kk]ey|SECRET_ACCESS_KEY)["']?\s*[:=]\s*)(?!\[masked)("[^"]*"|'[^']*'|[^\s,;}&]+)/g,
    '$1[masked]',
  ],
  [/\b(TOKEN|SECRET|[A-Z][A-Z0-9_]{0,40}_(?:TOKEN|SECRET))(\s*=\s*)(?!\[masked)("[^"]*"|[^\s,;}&]+)/g, '$1$2[masked]'],
  // Shared access signatures and tokens in query strings.
  [/([?&;](?:sig|token|access_token|id_token|code|api_key|apikey|key|password|secret)=)[^&\s"']+/gi, '$1[masked]'],
  // user:password@ in URLs.
  [/(:\/\/)[^\s/@:]{1,100}:[^\s/@]{1,100}@/g, '$1[masked]@'],
];

/** The text without private keys, tokens, cookies, authorization values, passwords and connection strings. */
export function mask(text: string): string {
  if (!literals.test(text) && !/[?&](?:code|key|access_token|id_token|apikey)=/i.test(text)) return text;
  let masked = text;
  for (const [pattern, standIn] of rules) masked = masked.replace(pattern, standIn);
  return masked;
}
