import type { Diagnosis } from '../diagnosis/diagnose.ts';
import type { ArchiveFormat } from '../input/archive.ts';
import type { Gap } from '../parse/facts.ts';
import type { FileRead } from '../parse/read.ts';

export type { Diagnosis, FileRead };

/** One row of the proxy inventory. */
export interface ProxyRow {
  readonly namespace: string;
  readonly pod: string;
  readonly type: string;
  readonly istioVersion?: string;
  readonly revision?: string;
  readonly state?: string;
  readonly ready?: boolean;
  readonly restarts?: number;
  /** Worst of its xDS types: `synced`, `stale`, `error`, `absent` (no istiod knows it), `unknown` (not in the archive). */
  readonly sync: 'synced' | 'stale' | 'error' | 'absent' | 'unknown';
  /** Bytes. */
  readonly memory?: number;
  readonly clusters?: number;
  readonly rejected: number;
  readonly certificateUntil?: string;
  /** Requests and failed requests in its access log. */
  readonly requests?: number;
  readonly failed?: number;
  /** Anything of the row deserves a look. */
  readonly remark: boolean;
}

/** The whole result. Plain data: it survives JSON, a worker boundary and redaction unchanged. */
export interface Report {
  readonly schema: 1;
  readonly tool: { readonly name: 'meshtriage'; readonly version: string; readonly rules: number };
  readonly archive: {
    readonly name: string;
    readonly format: ArchiveFormat;
    readonly bytes: number;
    readonly unpackedBytes: number;
    readonly entries: number;
  };
  /** Verdict in one sentence, then what supports it. Never "healthy". */
  readonly verdict: { readonly sentence: string; readonly detail: string };
  readonly about: {
    readonly captured?: string;
    readonly capturedFrom?: string;
    readonly window?: { readonly first: string; readonly last: string };
    readonly context?: string;
    readonly kubernetes?: string;
    readonly platform: string;
    readonly istioctl?: string;
    readonly nodes?: number;
    readonly revisions: readonly {
      readonly name: string;
      readonly versions: readonly string[];
      readonly istiods: number;
      readonly tags: readonly string[];
    }[];
    readonly proxies: number;
    readonly namespaces: readonly string[];
    readonly proxyVersions: readonly { readonly version: string; readonly proxies: number }[];
  };
  readonly coverage: {
    /** Files that some reader understood, of all files. */
    readonly filesRead: number;
    readonly files: number;
    readonly complete: boolean;
    readonly rulesChecked: number;
    readonly rulesNotChecked: number;
    readonly sentence: string;
  };
  /** Causes, most important first; what each explains is folded beneath it. */
  readonly diagnoses: readonly Diagnosis[];
  readonly notChecked: readonly {
    readonly rule: string;
    readonly title: string;
    readonly because: string;
    readonly collect: string;
  }[];
  readonly failedRules: readonly { readonly rule: string; readonly error: string }[];
  /** Rules that had what they need and found nothing. */
  readonly clear: readonly { readonly rule: string; readonly title: string }[];
  readonly gaps: readonly Gap[];
  readonly proxies: readonly ProxyRow[];
  readonly files: readonly FileRead[];
}
