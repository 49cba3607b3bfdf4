// What the commands of `coscanet` have in common: options, errors on one line, and asking the router.

import {Command} from 'commander';
import {DEFAULT_RUN_DIR, pathsIn} from '../base/paths.ts';
import {call} from '../api/client.ts';
import {actions, resources} from '../api/resources.ts';
import type {ActionName, ResourceName} from '../api/resources.ts';

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

/** The command of a resource or action, with the options that all have. */
export function addCommand(name: ResourceName | ActionName): Command {
  const {summary} = {...resources, ...actions}[name];
  return program
    .command(name)
    .description(summary)
    .option('--json', 'as JSON')
    .option(
      '--run-dir <dir>',
      "the router's run directory (env COSCANET_RUN_DIR)",
      process.env['COSCANET_RUN_DIR'] ?? DEFAULT_RUN_DIR,
    )
    .allowExcessArguments(false);
}

/** Reads a resource and prints it. */
export async function show(options: Options, name: ResourceName): Promise<void> {
  const resource = resources[name];
  const view = await call(pathsIn(options.runDir).socket, 'GET', `/v1/${name}`, resource.schema);
  print(options, view, resource);
}

/** Has the router carry out an action and prints what it answers. */
export async function act(options: Options, name: ActionName, request?: object): Promise<void> {
  const action = actions[name];
  const view = await call(pathsIn(options.runDir).socket, 'POST', `/v1/${name}`, action.schema, request);
  print(options, view, action);
}

export function print<T>({json}: Options, view: T, how: {format(view: T): string}): void {
  process.stdout.write(json ? `${JSON.stringify(view, null, 2)}\n` : how.format(view));
}
