// The log of all our daemons: a small interface, with bunyan (one JSON object a line, on stderr) behind it.
// Never called per packet. COSCANET_LOG_LEVEL selects the level (trace, debug, info, warn, error; default info).

import bunyan from 'bunyan';
import {UserError} from './error.ts';

export type Fields = Record<string, unknown>;

export interface Logger {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
type Level = (typeof levels)[number];

function isLevel(text: string): text is Level {
  return (levels as readonly string[]).includes(text);
}

/** A logger that writes to stderr. Throws a UserError (status 2) if the level does not exist. */
export function createLogger(
  name: string,
  fields: Fields = {},
  level = process.env['COSCANET_LOG_LEVEL'] ?? 'info',
): Logger {
  if (!isLevel(level))
    throw new UserError(`COSCANET_LOG_LEVEL: unknown level "${level}": one of ${levels.join(', ')}`, 2);
  // A reader that went away (a closed pipe) must not end a daemon.
  process.stderr.on('error', () => {});
  return bunyan.createLogger({...fields, name, level, stream: process.stderr});
}

/** For tests and for callers that do not log. */
export const silentLogger: Logger = {debug() {}, info() {}, warn() {}, error() {}};
