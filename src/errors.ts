/** What kind of thing went wrong, for scripts that use the library. */
export type UserErrorCode =
  | 'ARCHIVE_NOT_FOUND'
  | 'ARCHIVE_UNREADABLE'
  | 'ARCHIVE_UNRECOGNISED'
  | 'RULE_UNKNOWN'
  | 'REFERENCE_INVALID'
  | 'USAGE'
  | 'OUTPUT_UNWRITABLE';

/** An error whose message is meant for the person at the terminal: what was found, what was expected, what to do. */
export class UserError extends Error {
  readonly code: UserErrorCode;
  constructor(code: UserErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UserError';
    this.code = code;
  }
}
