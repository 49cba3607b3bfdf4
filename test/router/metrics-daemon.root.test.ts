// The real daemon, asked as Prometheus asks: on the local socket, on the address of the configuration, and nowhere else.

import {join} from 'node:path';
import test from 'ava';
import {z} from 'zod';
import {applicationViewSchema, eventSchema, statusViewSchema} from '../../router/protocol/views.ts';
import {meaningOf} from '../../router/metrics/counters.ts';
import {config, useLab} from './lab.ts';
import {parseMetrics, samplesOf} from './prometheus.ts';
import {waitUntil} from '../support/wait.ts';

const lab = useLab(config);

const curl = (where: 'router' | 'peer', ...words: string[]) =>
  lab.in(where, 'curl', '-s', '-m', '5', ...words);
const socket = () => ['--unix-socket', join(lab.runDir, 'control.sock')];
const statusOf = (...words: string[]) => curl('peer', '-o', '/dev/null', '-w', '%{http_code}', ...words);

test.serial('the local socket, and the address of the configuration', async (t) => {
  lab.configure(`metrics: 10.88.0.1:9400\n${config}`);
  const router = await lab.router('--forwarders', '1');
  const levels = {levels: {web: 'high' as const}};
  lab.put(1, 1, [80], levels);
  const local = () => samplesOf(curl('router', ...socket(), 'http://x/metrics'));
  const web = 'tenant="default",application="web"';
  let sequence = 1;
  await waitUntil('the application is counted', 15_000, () => {
    lab.put(1, ++sequence, [80], levels);
    return local().get(`coscanet_application_level{${web}}`) === 1;
  });
  // Nobody is there to answer: the flow begins all the same.
  lab.in('peer', 'sh', '-c', 'curl -s -m 0.3 http://10.77.0.100/ || true');
  const begun = `coscanet_application_new_flows_total{${web},vip="10.77.0.100"}`;
  await waitUntil('its flow is counted', 15_000, () => local().get(begun) === 1);
  await waitUntil('and the table', 15_000, () => local().get('coscanet_flow_table_flows') === 1);
  const remote = curl('peer', 'http://10.88.0.1:9400/metrics');
  const samples = samplesOf(remote);
  t.deepEqual([...samples.keys()], [...local().keys()]);
  t.is(samples.get('coscanet_flows_created_total'), 1);
  t.true((samples.get('coscanet_rx_frames_total') ?? 0) > 0);
  t.true((samples.get('coscanet_publish_duration_seconds_count') ?? 0) > 0);
  t.is(samples.get('coscanet_forwarder_heartbeat_age_seconds{forwarder="0"}')! < 15, true);
  t.notRegex(remote, /10\.77\.0\.9/, 'no client');
  t.regex(
    curl('peer', '-o', '/dev/null', '-w', '%{content_type}', 'http://10.88.0.1:9400/metrics'),
    /^text\/plain; version=0\.0\.4/,
  );
  // Nothing but the metrics, and not on the control port without the secret.
  t.is(statusOf('http://10.88.0.1:9400/v1/nodes'), '404');
  t.is(statusOf('-X', 'POST', 'http://10.88.0.1:9400/v1/reload'), '404');
  t.is(statusOf('http://10.88.0.1:7400/metrics'), '401');
  router.kill('SIGTERM');
  t.is((await router.ended).status, 0);
  lab.assertNothingLeft(t);
});

test.serial('applications and their overrides, on the command line', async (t) => {
  lab.configure(`${config}    autoscaling: {out-after: 1s}\n`);
  const router = await lab.router('--forwarders', '1');
  const followed = lab.follow('events', '--follow', '--json');
  const ended = followed.ended;
  let sequence = 0;
  const view = async () => {
    lab.put(1, ++sequence, [80], {levels: {web: 'high'}});
    const text = (await lab.coscanet('applications', '--json')).stdout;
    return z.array(applicationViewSchema).parse(JSON.parse(text))[0];
  };
  await waitUntil(
    'more is recommended',
    15_000,
    async () => (await view())?.scale === 'out' && (await view())?.level === 'high',
  );
  t.like(await view(), {
    application: 'web',
    tenant: 'default',
    level: 'high',
    load: 1,
    nodes: 1,
    instances: 1,
  });
  t.regex(
    (await lab.coscanet('applications')).stdout,
    /^web +default +high +1\.00 .* 1 serving .* out +its load is high, for /m,
  );
  const lines = () =>
    followed
      .out()
      .split('\n')
      .filter((line) => line.endsWith('}'));
  const told = (text: string) => lines().filter((line) => line.includes(text));
  await waitUntil('it is told', 15_000, () => told('keep → out').length > 0);
  const events = lines().map((line) => eventSchema.parse(JSON.parse(line)));
  t.true(events.some((event) => event.event === 'application-level' && event.detail === 'none → high'));
  // Each once: as the log has them.
  const log = z.array(eventSchema).parse(JSON.parse((await lab.coscanet('events', '--json')).stdout));
  t.deepEqual(events, log.slice(0, events.length));
  router.kill('SIGTERM');
  await router.ended;
  t.is((await ended).status, 1);
  t.regex((await ended).stderr, /no router runs here/);
});

test.serial('each counter of the data path is told, with its meaning', async (t) => {
  lab.configure(config);
  const router = await lab.router('--forwarders', '1');
  const {counters} = statusViewSchema.parse(JSON.parse((await lab.coscanet('status', '--json')).stdout));
  const families = parseMetrics(curl('router', ...socket(), 'http://x/metrics'));
  for (const name of Object.keys(counters)) {
    t.not(meaningOf(name), '', name);
    const reason = /^drop_(.*)$/.exec(name)?.[1];
    const told =
      reason === undefined
        ? families.has(`coscanet_${name}_total`)
        : families
            .get('coscanet_dropped_frames_total')
            ?.samples.has(`coscanet_dropped_frames_total{reason="${reason}"}`);
    t.true(told, name);
  }
  // Not configured: on no port.
  t.throws(() => curl('peer', 'http://10.88.0.1:9400/metrics'));
  router.kill('SIGTERM');
  await router.ended;
});

for (const [title, address, says] of [
  [
    'of another host',
    '10.88.0.11:9400',
    /router\.yaml:1: metrics: 10\.88\.0\.11 is not an address of this host; there are: /,
  ],
  ['of all networks at once', '0.0.0.0:9400', /metrics: 0\.0\.0\.0 is not an address of this host/],
  ['of control', '10.88.0.1:7400', /metrics: 10\.88\.0\.1:7400 is the control address: take another port$/],
] as const)
  test.serial(`refused: the address ${title}`, async (t) => {
    lab.configure(`metrics: ${address}\n${config}`);
    // One that starts all the same is no reason to wait.
    const refused = await t.throwsAsync(lab.router());
    t.regex(refused?.message.trim() ?? '', says);
    lab.assertNothingLeft(t);
  });
