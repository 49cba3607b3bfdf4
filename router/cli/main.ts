// coscanet: what operators ask a running router, and what they tell it.

import {z} from 'zod';
import {messageOf, UserError} from '../base/error.ts';
import {
  applicationViewSchema,
  blocksViewSchema,
  endpointViewSchema,
  flowViewSchema,
  nodeViewSchema,
  reloadViewSchema,
  serviceViewSchema,
  statusViewSchema,
} from '../protocol/views.ts';
import {addCommand, program, show} from './command.ts';
import type {Options, Question} from './command.ts';
import {
  formatApplications,
  formatBlocks,
  formatEndpoints,
  formatFlows,
  formatNodes,
  formatReload,
  formatServices,
  formatStatus,
} from './format.ts';
import {addDrainCommands} from './drain.ts';
import {addEventsCommand} from './events.ts';
import {addWeightCommand} from './weight.ts';

/** A command that asks for the resource of its name. */
function addQuestion<T>(name: string, description: string, question: Omit<Question<T>, 'path'>): void {
  addCommand(name, description).action((options: Options) =>
    show(options, {path: `/v1/${name}`, ...question}),
  );
}

const list = z.array;
addQuestion('status', 'the router, its virtual IPs, forwarders and counters', {
  schema: statusViewSchema,
  format: formatStatus,
});
addQuestion('applications', 'how busy each is, and whether it wishes for more nodes or fewer', {
  schema: list(applicationViewSchema),
  format: formatApplications,
});
addQuestion('services', 'virtual services', {schema: list(serviceViewSchema), format: formatServices});
addQuestion('endpoints', 'who serves what', {schema: list(endpointViewSchema), format: formatEndpoints});
addQuestion('nodes', 'worker machines and their leases', {schema: list(nodeViewSchema), format: formatNodes});
addQuestion('flows', 'connections, and the node of each', {
  schema: list(flowViewSchema),
  format: formatFlows,
});
addQuestion('blocks', 'ports that nodes open connections from', {
  schema: blocksViewSchema,
  format: formatBlocks,
});
addEventsCommand();
addWeightCommand();
addDrainCommands();
addQuestion('reload', 'apply the changed configuration file', {
  post: true,
  schema: reloadViewSchema,
  format: formatReload,
});

// A reader that closes early (head) is no error.
process.stdout.on('error', () => process.exit(0));
try {
  await program.parseAsync();
} catch (error) {
  for (const line of messageOf(error).split('\n')) process.stderr.write(`coscanet: ${line}\n`);
  process.exit(error instanceof UserError ? error.status : 1);
}
