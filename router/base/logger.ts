// The log of all our daemons: a small interface, with bunyan (one JSON object a line, on stderr) behind it.
// Never called per packet. COSCANET_LOG_LEVEL selects the level (trace, debug, info, warn, error; default info).
// Lines are written when what caused them has been done: a program that binds does not wait for them.

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
  return later(bunyan.createLogger({...fields, name, level, stream: process.stderr}));
}

/** Writes each line, with the time that it was said at, when the event loop has done its work; all before the end. */
function later(log: bunyan): Logger {
  let lines: (() => void)[] = [];
  const write = () => {
    const due = lines;
    lines = [];
    for (const line of due) line();
  };
  process.on('exit', write);
  const writer = (level: keyof Logger) => (fields: Fields, message: string) => {
    if (!log[level]()) return;
    const time = new Date();
    if (lines.length === 0) setImmediate(write);
    lines.push(() => log[level]({...fields, time}, message));
  };
  return {debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error')};
}

/** For tests and for callers that do not log. */
export const silentLogger: Logger = {debug() {}, info() {}, warn() {}, error() {}};
