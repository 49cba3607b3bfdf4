// coscanet-router: the daemon (supervisor and provider), and the clean-up after a crash.

import {Command} from 'commander';
import {native} from '../addon/index.ts';
import {systemClock} from './base/clock.ts';
import {messageOf, UserError} from './base/error.ts';
import {systemExec} from './base/exec.ts';
import {createLogger} from './base/logger.ts';
import type {Logger} from './base/logger.ts';
import {readSecret} from './base/secret.ts';
import {availableModes} from './config/schema.ts';
import {DEFAULT_SECRET_FILE, DEFAULT_STATE_FILE} from './config/settings.ts';
import {cleanup} from './daemon/cleanup.ts';
import {DEFAULT_RUN_DIR, pathsIn} from './base/paths.ts';
import {HAND_OVER, readSettings, startRouter} from './daemon/start.ts';
import type {RunningRouter, StartOptions} from './daemon/start.ts';

const DEFAULT_CONFIG = '/etc/coscanet/router.yaml';

type RouterOptions = StartOptions & {runDir: string};

/** The files that an option or else the environment names. */
function filesOf({secretFile, stateFile}: StartOptions) {
  return {
    secretFile: secretFile ?? process.env['COSCANET_SECRET_FILE'],
    stateFile: stateFile ?? process.env['COSCANET_STATE_FILE'],
  };
}

/** Aborted by the signals that end the router; the reason is the signal. */
function stopSignal(log: Logger): AbortSignal {
  const stop = new AbortController();
  const abort = (signal: string) => {
    if (!stop.signal.aborted) log.info({signal}, signal === HAND_OVER ? 'handing over' : 'stopping');
    stop.abort(signal);
  };
  for (const signal of ['SIGTERM', 'SIGINT', HAND_OVER]) process.on(signal, abort);
  return stop.signal;
}

async function supervise(options: RouterOptions): Promise<void> {
  const log = createLogger('coscanet-router');
  const paths = pathsIn(options.runDir);
  const stop = stopSignal(log);
  const stopped = new Promise<null>((resolve) => stop.addEventListener('abort', () => resolve(null)));
  let router: RunningRouter | null = null;
  process.on('SIGHUP', () => {
    router?.reload().then(
      ({differences}) => log.info({differences}, 'configuration reloaded'),
      (error: unknown) =>
        log.error({error: messageOf(error)}, 'new configuration refused; the old one stays'),
    );
  });
  const deps = {native, exec: systemExec, clock: systemClock, log, paths};
  while (!stop.aborted) {
    router = await startRouter(deps, {...options, ...filesOf(options)}, stop);
    if (!router) break;
    const reason = await Promise.race([router.outdated, stopped]);
    if (reason !== null) log.warn({reason}, 'starting anew');
    await (stop.reason === HAND_OVER ? router.handOver() : router.stop());
    router = null;
  }
  process.exit(0);
}

/** All that can be said of a configuration without starting. */
async function check(options: RouterOptions): Promise<void> {
  const settings = await readSettings(native, {...options, ...filesOf(options)});
  readSecret(settings.secretFile);
  process.stdout.write(`${options.config} is in order\n`);
}

async function cleanUp({runDir}: {runDir: string}): Promise<void> {
  const log = createLogger('coscanet-router');
  await cleanup({native, exec: systemExec, clock: systemClock, log, paths: pathsIn(runDir)});
}

const runDirOption = [
  '--run-dir <dir>',
  'where the router keeps its files while it runs (env COSCANET_RUN_DIR)',
  process.env['COSCANET_RUN_DIR'] ?? DEFAULT_RUN_DIR,
] as const;

/** Commander's "error: …" with its hint, as one line. */
function oneLine(text: string): string {
  return `coscanet-router: ${text.replace('error: ', '').trim().replaceAll('\n', ' ')} (coscanet-router --help tells more)\n`;
}

const program = new Command('coscanet-router')
  .description('Owns virtual IPs and forwards their packets to the nodes that serve them.')
  .option('--mode <mode>', `how packets reach the nodes: ${availableModes.join(', ')}`)
  .option('--external <interface>', "the clients' side")
  .option('--internal <interface>', "the nodes' side; may be the same interface (one-armed)")
  .option('--config <file>', 'configuration', DEFAULT_CONFIG)
  .option('--forwarders <n>', 'packet processes (default: the number of cores, at most 4)')
  .option('--control <address:port>', "where agents report (default: the internal interface's address, 7400)")
  .option(
    '--secret-file <file>',
    `what agents must show (env COSCANET_SECRET_FILE; default ${DEFAULT_SECRET_FILE})`,
  )
  .option(
    '--state-file <file>',
    `where drains and weights are kept for the next start (env COSCANET_STATE_FILE; default ${DEFAULT_STATE_FILE})`,
  )
  .option(
    '--no-wait',
    'end, if an interface is missing, down or without an address, instead of waiting for it',
  )
  .option('--user <user>', 'the unprivileged user that forwarders run as (default: nobody)')
  .option(...runDirOption)
  .configureOutput({outputError: (text, write) => write(oneLine(text))})
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .allowExcessArguments(false)
  .action((options: RouterOptions) => supervise(options));

program
  .command('check')
  .description(
    'check the configuration, as the options before this word complete it, and this host; start nothing',
  )
  .action((_, command: Command) => check(command.optsWithGlobals<RouterOptions>()));

program
  .command('cleanup')
  .description('undo what a crashed router has left behind')
  .option(...runDirOption)
  .action((_, command: Command) => cleanUp(command.optsWithGlobals<{runDir: string}>()));

try {
  await program.parseAsync();
} catch (error) {
  for (const line of messageOf(error).split('\n')) process.stderr.write(`coscanet-router: ${line}\n`);
  if (!(error instanceof UserError) && process.env['COSCANET_LOG_LEVEL'] === 'debug') console.error(error);
  process.exit(error instanceof UserError ? error.status : 1);
}
