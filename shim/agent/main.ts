// coscanet-node: the agent, and what operators do with it. (`coscanet-node run` is native: shim/launch.)

import fs from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {Command} from 'commander';
import {native} from '../../addon/index.ts';
import {systemClock} from '../../router/base/clock.ts';
import {UserError, messageOf} from '../../router/base/error.ts';
import {requireCommands, systemExec} from '../../router/base/exec.ts';
import {createLogger} from '../../router/base/logger.ts';
import type {Logger} from '../../router/base/logger.ts';
import {Agent} from './agent.ts';
import {LoopbackVips} from './host/loopback-vips.ts';
import {OwnAddress, addressProblem} from './host/own-address.ts';
import {StateFile, isAgent} from './host/state-file.ts';
import {Instances} from './instances.ts';
import {
  DEFAULT_CHECKS_DIR,
  DEFAULT_RUN_DIR,
  DEFAULT_SECRET_FILE,
  agentOptions,
  hostOptions,
} from './options.ts';
import type {AgentOptions, GivenOptions} from './options.ts';

const LEAVE_WAIT_MS = 10_000;

function requireRoot(): void {
  if (process.geteuid?.() !== 0)
    throw new UserError('only root can manage sockets and addresses of this node');
}

function report(error: unknown): never {
  process.stderr.write(`coscanet-node: ${messageOf(error)}\n`);
  process.exit(error instanceof UserError ? error.status : 1);
}

/** Resolves when the host has the agent's address. */
async function awaitAddress({address, wait}: AgentOptions, log: Logger): Promise<void> {
  const problem = addressProblem(native, address);
  if (problem === null) return;
  if (!wait) throw new UserError(`--address ${problem}`, 2);
  const end = () => process.exit(0);
  const signals = ['SIGTERM', 'SIGINT', 'SIGUSR2'] as const;
  for (const signal of signals) process.on(signal, end);
  await new Promise<void>((resolve) => {
    const watch = new OwnAddress({native, log, address, consequence: 'waiting'}, () => {
      watch.close();
      resolve();
    });
    watch.start();
  });
  for (const signal of signals) process.off(signal, end);
}

async function runAgent(given: GivenOptions): Promise<void> {
  const options = agentOptions(given, process.env);
  requireRoot();
  const log = createLogger('coscanet-node', {node: options.node});
  await requireCommands(systemExec, [['ip', '-V']]);
  await awaitAddress(options, log);
  let stopping = false;
  const parts = {native, exec: systemExec, clock: systemClock, log};
  const stop = async (leaving: boolean, fatal: UserError | null) => {
    if (stopping) return;
    stopping = true;
    await agent.stop(leaving).catch((error: unknown) => log.error({}, messageOf(error)));
    if (fatal !== null) report(fatal);
    process.exit(0);
  };
  const agent = new Agent(options, parts, (error) => void stop(false, error));
  process.on('SIGTERM', () => void stop(false, null));
  process.on('SIGINT', () => void stop(false, null));
  process.on('SIGUSR2', () => void stop(true, null));
  await agent.start();
  log.info({router: options.router, address: options.address}, 'programs can bind');
}

/** Tells the running agent to take its node out of service, and waits for its end. */
async function leave(given: GivenOptions): Promise<void> {
  const options = hostOptions(given, process.env);
  requireRoot();
  const {previousPid: pid} = new StateFile(options.runDir, options.node);
  if (pid === 0 || !isAgent(pid)) throw new UserError(`no agent of node ${options.node} runs here`);
  process.kill(pid, 'SIGUSR2');
  const deadline = Date.now() + LEAVE_WAIT_MS;
  while (isAgent(pid)) {
    if (Date.now() > deadline) throw new UserError(`the agent (pid ${pid}) did not end within 10 s`);
    await sleep(20);
  }
}

/** Undoes what an agent left behind. */
async function cleanUp(given: GivenOptions): Promise<void> {
  const options = hostOptions(given, process.env);
  requireRoot();
  const state = new StateFile(options.runDir, options.node);
  if (isAgent(state.previousPid))
    throw new UserError(`the agent of node ${options.node} runs: stop it first`);
  const instances = new Instances(
    fs.readFileSync('/proc/self/mountinfo', 'utf8'),
    options.cgroupRoot,
    () => {},
  );
  if (instances.anyAlive()) throw new UserError('instances are running: stop them first');
  await new LoopbackVips(systemExec, systemClock, state, createLogger('coscanet-node')).removeAll();
  instances.removeEmpty();
  state.remove();
}

const program = new Command('coscanet-node')
  .description(
    'A worker node of COSCANet: starts programs as instances of applications, and keeps the router informed.',
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .addHelpText(
    'after',
    '\n  run --app NAME -- CMD…    start a program as an instance (see coscanet-node run --help)' +
      '\n  load NUMBER               say how busy this instance is (see coscanet-node load --help)',
  );

function addHostOptions(command: Command): Command {
  return command
    .option('--name <node>', "this node's name (env COSCANET_NODE)")
    .option(
      '--cgroup-root <path>',
      'where in the cgroup v2 tree applications live (env COSCANET_CGROUP_ROOT; default /)',
    )
    .option('--run-dir <dir>', `where state is kept (env COSCANET_RUN_DIR; default ${DEFAULT_RUN_DIR})`);
}

addHostOptions(
  program.command('agent').description('serve the programs of this node (runs until it is told to stop)'),
)
  .option('--router <address:port>', "the router's control address (env COSCANET_ROUTER)")
  .option('--address <address>', "this node's address on the router's network (env COSCANET_ADDRESS)")
  .option('--wait', 'for that address, if this host does not have it: else the agent ends')
  .option(
    '--secret-file <file>',
    `shared with the router (env COSCANET_SECRET_FILE; default ${DEFAULT_SECRET_FILE})`,
  )
  .option('--address-grace <seconds>', 'how long a virtual IP stays after its last use (default 60)')
  .option(
    '--checks-dir <dir>',
    `programs that may be run as checks of health (env COSCANET_CHECKS_DIR; default ${DEFAULT_CHECKS_DIR})`,
  )
  .option(
    '--load-cgroup <path>',
    "whose load is the node's, in the cgroup v2 tree (env COSCANET_LOAD_CGROUP; default: the machine's)",
  )
  .option(
    '--load-cores <number>',
    'how many cores are 100 % of it (env COSCANET_LOAD_CORES; default: its quota)',
  )
  .action(runAgent);
addHostOptions(
  program
    .command('leave')
    .description('take this node out of service now, even if instances run, and end the agent'),
).action(leave);
addHostOptions(
  program.command('cleanup').description('undo what an agent left behind, if no instances run'),
).action(cleanUp);

await program.parseAsync().catch(report);
