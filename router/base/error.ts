// Errors that people read. A UserError's message is one or more complete lines for the operator, and its
// status is the exit status of the command: 2 for bad input (nothing was touched), 1 for everything else.

export class UserError extends Error {
  readonly status: number;

  constructor(message: string, status = 1) {
    super(message);
    this.name = 'UserError';
    this.status = status;
  }
}

/** What this router cannot do at all, however it is asked: its provider lacks the capability. */
export class UnsupportedError extends UserError {
  constructor(message: string) {
    super(message);
    this.name = 'UnsupportedError';
  }
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The errno name ("ENOENT") of whatever was thrown, or '' if it has none. */
export function codeOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return '';
  return typeof thrown.code === 'string' ? thrown.code : '';
}
