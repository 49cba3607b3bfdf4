// What the commands of `coscanet` have in common: options, errors on one line, and asking the router.

import {Command} from 'commander';
import type {z} from 'zod';
import {DEFAULT_RUN_DIR, pathsIn} from '../base/paths.ts';
import {call} from '../api/client.ts';

/** What a command's argument may name. */
export const TARGET = 'a node, or an endpoint as "coscanet endpoints" prints it';

export interface Options {
  json?: boolean;
  runDir: string;
}

/** Commander's "error: …" with its hint, as one line. */
function oneLine(text: string): string {
  return `coscanet: ${text.replace('error: ', '').trim().replaceAll('\n', ' ')} (coscanet --help tells more)\n`;
}

export const program = new Command('coscanet')
  .description('Shows and steers the router that runs on this host.')
  .configureOutput({outputError: (text, write) => write(oneLine(text))})
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

/** A command with the options that all have. `name` may have arguments. */
export function addCommand(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--json', 'as JSON')
    .option(
      '--run-dir <dir>',
      "the router's run directory (env COSCANET_RUN_DIR)",
      process.env['COSCANET_RUN_DIR'] ?? DEFAULT_RUN_DIR,
    )
    .allowExcessArguments(false);
}

export interface Question<T> {
  path: string;
  /** Of a POST; a GET has none. */
  body?: object;
  /** POST without a body. */
  post?: boolean;
  schema: z.ZodType<T>;
  format: (view: T) => string;
}

/** Asks the router and prints what it says. */
export async function show<T>(options: Options, question: Question<T>): Promise<void> {
  const {path, body, post, schema, format} = question;
  const method = body || post ? 'POST' : 'GET';
  print(options, await call(pathsIn(options.runDir).socket, method, path, schema, body), format);
}

export function print<T>({json}: Options, view: T, format: (view: T) => string): void {
  process.stdout.write(json ? `${JSON.stringify(view, null, 2)}\n` : format(view));
}
