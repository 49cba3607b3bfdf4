// coscanet-router: the daemon (supervisor and provider), and the clean-up after a crash.

import {Command} from 'commander';
import {native} from '../addon/index.ts';
import {systemClock} from './base/clock.ts';
import {messageOf, UserError} from './base/error.ts';
import {systemExec} from './base/exec.ts';
import {createLogger} from './base/logger.ts';
import {availableModes} from './config/schema.ts';
import {DEFAULT_SECRET_FILE} from './config/settings.ts';
import {cleanup} from './daemon/cleanup.ts';
import {DEFAULT_RUN_DIR, pathsIn} from './base/paths.ts';
import {startRouter} from './daemon/start.ts';
import type {StartOptions} from './daemon/start.ts';

const DEFAULT_CONFIG = '/etc/coscanet/router.yaml';

type RouterOptions = StartOptions & {runDir: string};

async function supervise(options: RouterOptions): Promise<void> {
  const log = createLogger('coscanet-router');
  const paths = pathsIn(options.runDir);
  const secretFile = options.secretFile ?? process.env['COSCANET_SECRET_FILE'];
  const router = await startRouter(
    {native, exec: systemExec, clock: systemClock, log, paths},
    {...options, secretFile},
  );
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({signal}, 'stopping');
    await router.stop();
    process.exit(0);
  };
  process.on('SIGTERM', (signal) => void stop(signal));
  process.on('SIGINT', (signal) => void stop(signal));
  process.on('SIGHUP', () => {
    router.reload().then(
      ({differences}) => log.info({differences}, 'configuration reloaded'),
      (error: unknown) =>
        log.error({error: messageOf(error)}, 'new configuration refused; the old one stays'),
    );
  });
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
  .option('--user <user>', 'the unprivileged user that forwarders run as (default: nobody)')
  .option(...runDirOption)
  .configureOutput({outputError: (text, write) => write(oneLine(text))})
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .allowExcessArguments(false)
  .action((options: RouterOptions) => supervise(options));

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
