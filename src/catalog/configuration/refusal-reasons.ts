/** What kind of mistake Envoy's words of a refusal point to, and what to do about it. */
export interface RefusalReason {
  readonly id: string;
  /** What is wrong, for people. */
  readonly about: string;
  readonly advice: string;
  /** Whether an EnvoyFilter is a plausible origin without its text being in the words. */
  readonly byFilter: boolean;
}

/** In Envoy's order of checks; texts of Envoy's sources (envoy-formats 5.4). All linear. */
const reasons: readonly (readonly [pattern: RegExp, reason: RefusalReason])[] = [
  [
    /script load error/,
    {
      id: 'lua',
      about: 'a Lua script that does not compile',
      advice: 'Correct the Lua script; Envoy names its line',
      byFilter: true,
    },
  ],
  [
    /Failed to load Wasm|Unable to create Wasm|createWasm|Plugin configured to fail closed/,
    {
      id: 'wasm',
      about: 'a Wasm module that does not load',
      advice: 'Correct the module’s address or checksum, or delete the plugin',
      byFilter: true,
    },
  ],
  [
    /Failed to load certificate chain|Failed to load private key|KEY_VALUES_MISMATCH|Failed to load trusted|only RSA certificates/,
    {
      id: 'certificate',
      about: 'a certificate or key that Envoy cannot load',
      advice: 'Create the TLS secret again from a matching certificate chain and key',
      byFilter: false,
    },
  ],
  [
    /filter chain '[^']*' has the same matching rules|multiple filter chains with (?:the same|overlapping) matching rules/,
    {
      id: 'same-filter-chains',
      about: 'two servers with the same host on one port',
      advice: 'Give each host of a port to one Gateway server only',
      byFilter: false,
    },
  ],
  [
    /partial wildcards are not supported/,
    {
      id: 'partial-wildcard',
      about: 'a host with a wildcard inside a label',
      advice: 'Write the host as `*.example.com` in the Gateway and in `sniHosts`',
      byFilter: false,
    },
  ],
  [
    /Only unique values for domains are permitted|Only a single wildcard domain is permitted/,
    {
      id: 'duplicate-domain',
      about: 'a host that is defined twice',
      advice:
        'Merge the VirtualServices or ServiceEntries that define the host; upper and lower case count as the same',
      byFilter: true,
    },
  ],
  [
    /has duplicate address|duplicate listener|"name" field is duplicated/,
    {
      id: 'duplicate-listener',
      about: 'two listeners on one address',
      advice: 'Give the ServiceEntry an address of its own, or change the port of one of the services',
      byFilter: true,
    },
  ],
  [
    /duplicate cluster/,
    {
      id: 'duplicate-cluster',
      about: 'two clusters of one name',
      advice: 'Rename the cluster that the EnvoyFilter adds',
      byFilter: true,
    },
  ],
  [
    /[Uu]nknown (?:shadow |weighted )?cluster '/,
    {
      id: 'unknown-cluster',
      about: 'a route to a cluster that does not exist',
      advice: 'Correct the cluster that the route names',
      byFilter: true,
    },
  ],
  [
    /Invalid regex|RE2 program size|missing [)\]]|invalid (?:escape sequence|perl operator|character class)|repetition operator/,
    {
      id: 'regex',
      about: 'a regular expression that Envoy does not take',
      advice: 'Write the expression in RE2 syntax, or shorten it',
      byFilter: true,
    },
  ],
  [
    /Didn't find a registered|has unknown fields|Unable to parse JSON as proto|Unable to unpack as|could not find @type/,
    {
      id: 'unknown-type',
      about: 'a type or field that this Envoy does not know',
      advice:
        'Correct the type or field for the version of the proxies, or restart pods whose proxy is older than istiod',
      byFilter: true,
    },
  ],
  [
    /Proto constraint validation failed/,
    {
      id: 'constraint',
      about: 'a value outside what Envoy allows',
      advice: 'Correct the field that Envoy names',
      byFilter: true,
    },
  ],
  [
    /terminal filter named|non-terminal filter named/,
    {
      id: 'filter-order',
      about: 'a filter behind the one that has to be the last',
      advice: 'Insert the filter before the router or the TCP proxy (`INSERT_BEFORE`)',
      byFilter: true,
    },
  ],
];

const other: RefusalReason = {
  id: 'other',
  about: 'configuration that Envoy does not take',
  advice: 'Correct or delete the object behind it',
  byFilter: true,
};

/** The reason behind Envoy's words. */
export const reasonOf = (words: string): RefusalReason =>
  reasons.find(([pattern]) => pattern.test(words))?.[1] ?? other;
