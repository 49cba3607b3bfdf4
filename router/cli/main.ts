// coscanet: what operators ask a running router, and what they tell it.

import {Command} from 'commander';
import {z} from 'zod';
import {messageOf, UserError} from '../base/error.ts';
import {call} from '../control/client.ts';
import {
  endpointViewSchema,
  eventSchema,
  flowViewSchema,
  nodeViewSchema,
  reloadViewSchema,
  serviceViewSchema,
  statusViewSchema,
} from '../control/protocol.ts';
import {DEFAULT_RUN_DIR, pathsIn} from '../base/paths.ts';
import {
  formatEndpoints,
  formatEvents,
  formatFlows,
  formatNodes,
  formatReload,
  formatServices,
  formatStatus,
} from './format.ts';

interface Options {
  json?: boolean;
  runDir: string;
}

/** Commander's "error: …" with its hint, as one line. */
function oneLine(text: string): string {
  return `coscanet: ${text.replace('error: ', '').trim().replaceAll('\n', ' ')} (coscanet --help tells more)\n`;
}

const program = new Command('coscanet')
  .description('Shows and steers the router that runs on this host.')
  .configureOutput({outputError: (text, write) => write(oneLine(text))})
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

function addCommand<T>(
  name: string,
  description: string,
  method: 'GET' | 'POST',
  schema: z.ZodType<T>,
  format: (view: T) => string,
): void {
  program
    .command(name)
    .description(description)
    .option('--json', 'as JSON')
    .option(
      '--run-dir <dir>',
      "the router's run directory (env COSCANET_RUN_DIR)",
      process.env['COSCANET_RUN_DIR'] ?? DEFAULT_RUN_DIR,
    )
    .allowExcessArguments(false)
    .action(async ({json, runDir}: Options) => {
      const view = await call(pathsIn(runDir).socket, method, `/v1/${name}`, schema);
      process.stdout.write(json ? `${JSON.stringify(view, null, 2)}\n` : format(view));
    });
}

addCommand(
  'status',
  'the router, its virtual IPs, forwarders and counters',
  'GET',
  statusViewSchema,
  formatStatus,
);
addCommand('services', 'virtual services', 'GET', z.array(serviceViewSchema), formatServices);
addCommand('endpoints', 'who serves what', 'GET', z.array(endpointViewSchema), formatEndpoints);
addCommand('nodes', 'worker machines and their leases', 'GET', z.array(nodeViewSchema), formatNodes);
addCommand('flows', 'connections, and the node of each', 'GET', z.array(flowViewSchema), formatFlows);
addCommand('events', 'what the router did, when', 'GET', z.array(eventSchema), formatEvents);
addCommand('reload', 'apply the changed configuration file', 'POST', reloadViewSchema, formatReload);

// A reader that closes early (head) is no error.
process.stdout.on('error', () => process.exit(0));
try {
  await program.parseAsync();
} catch (error) {
  for (const line of messageOf(error).split('\n')) process.stderr.write(`coscanet: ${line}\n`);
  process.exit(error instanceof UserError ? error.status : 1);
}
