// What Prometheus reads: the text's form, where its numbers come from, and what asking for it costs.

import test from 'ava';
import {eventSchema} from '../../router/protocol/views.ts';
import {Exposition} from '../../router/metrics/exposition.ts';
import {seriesGroups} from '../../router/api/measures.ts';
import {createRouterApi} from '../../router/api/router-api.ts';
import type {Settings} from '../../router/config/settings.ts';
import {Bench, hostInterfaces, VIP, web} from './bench.ts';
import {parseMetrics, samplesOf} from './prometheus.ts';

/** As the router would answer just now. */
async function scrape(bench: Bench): Promise<string> {
  const unused = () => Promise.reject(new Error('not asked for here'));
  // Of no use to what is asked here.
  const settings = {} as Settings;
  const api = createRouterApi({...bench, settings, put: unused, reload: unused, startedAt: 0});
  const {type, text} = await api.metrics();
  if (!type.startsWith('text/plain; version=0.0.4')) throw new Error(type);
  return text;
}

test('the parser of these tests refuses what Prometheus would', (t) => {
  const good = '# HELP a_total Some.\n# TYPE a_total counter\na_total{x="1"} 5\na_total{x="2"} 0\n';
  t.is(samplesOf(good).get('a_total{x="1"}'), 5);
  const bad: [string, RegExp][] = [
    [good.slice(0, -1), /last line/],
    [good.replace('x="2"', 'x="1"'), /twice/],
    [good.replace('# HELP a_total Some.\n', ''), /out of place/],
    [good.replace('counter', 'gauge'), /_total/],
    [good.replaceAll('a_total', 'a'), /_total/],
    [good + good, /twice/],
    [good.replace('x="1"', 'x=1'), /labels/],
    [good.replace(' 5', ' five'), /not a sample/],
    [`${good}b 1\n`, /out of place/],
  ];
  for (const [text, why] of bad) t.throws(() => parseMetrics(text), {message: why}, text);
});

test('applications, nodes, blocks and events', async (t) => {
  const bench = await new Bench([web, {...web, name: 'mail', tenant: 'post', vips: ['10.77.0.101']}]).start();
  const more = {
    levels: {web: 'high' as const},
    outbound: [{vip: VIP, wanted: 1, held: []}],
    portRange: {first: 32768, last: 60999},
  };
  await bench.put(1, 1, [80], more);
  await bench.put(2, 1, [80], {levels: {web: 'medium'}});
  await bench.clock.advance(1000);
  const {segment} = bench.native;
  const [first] = bench.registry.endpoints();
  segment.flowCounts = {[`${first!.slot}:${first!.generation}`]: 7, '60:1': 2};
  segment.flowsBegun = {[bench.registry.services()[0]!.slot]: 12};
  segment.forwarderList = [{index: 0, pid: 5, startTime: 5, heartbeatAgeMs: 50, descriptors: []}];
  segment.moved['drop_ip_checksum'] = 3;
  await bench.clock.advance(2500);
  bench.native.setInterfaces(hostInterfaces.map((one) => ({...one, up: one.name !== 'eth1'})));
  // The agent of node2 is silent for longer than its lease.
  await bench.put(1, 2, [80], more);
  await bench.clock.advance(1000);
  const samples = samplesOf(await scrape(bench));
  const of = 'tenant="acme",application="web"';
  for (const [series, value] of [
    [`application_load{${of}}`, 0.75],
    [`application_level{${of}}`, 0.5],
    [`application_scale_recommendation{${of}}`, 0],
    [`application_nodes{${of}}`, 2],
    [`application_instances{${of}}`, 2],
    [`application_endpoints{${of},state="serving"}`, 2],
    [`application_endpoints{${of},state="failing"}`, 0],
    [`application_flows{${of},vip="${VIP}"}`, 7],
    [`application_new_flows_total{${of},vip="${VIP}"}`, 12],
    ['application_load{tenant="post",application="mail"}', undefined],
    ['application_nodes{tenant="post",application="mail"}', 0],
    ['application_new_flows_total{tenant="post",application="mail",vip="10.77.0.101"}', 0],
    ['nodes{state="up"}', 1],
    ['nodes{state="suspect"}', 1],
    ['node_level{node="node1",application="web"}', 1],
    ['node_report_age_seconds{node="node1"}', 1],
    ['node_report_age_seconds{node="node2"}', 4.5],
    ['flow_table_flows', 9],
    ['flow_table_capacity', 1024],
    [`virtual_ip_active{vip="${VIP}"}`, 1],
    ['virtual_ip_active{vip="10.77.0.101"}', 0],
    [`port_blocks{vip="${VIP}",state="leased"}`, 1],
    ['interface_up{interface="eth0",role="external"}', 1],
    ['interface_up{interface="eth1",role="internal"}', 0],
    ['forwarder_heartbeat_age_seconds{forwarder="0"}', 0.05],
    ['events_total{event="node-up"}', 3],
    ['events_total{event="forwarder-died"}', 0],
    ['rx_frames_total', 7],
    ['dropped_frames_total{reason="ip_checksum"}', 3],
    ['dropped_frames_total{reason="ip_ttl"}', 0],
  ] as const)
    t.is(samples.get(`coscanet_${series}`), value, series);
  const published = bench.events.list().filter((one) => one.event === 'published').length;
  t.is(samples.get('coscanet_publish_duration_seconds_count'), published);
  const kinds = [...samples.keys()].filter((series) => series.startsWith('coscanet_events_total'));
  t.is(kinds.length, eventSchema.shape.event.options.length);
});

test('what is gone is not told any more', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80], {levels: {web: 'low'}});
  await bench.clock.advance(1000);
  const before = samplesOf(await scrape(bench));
  t.true(before.has('coscanet_node_report_age_seconds{node="node1"}'));
  await bench.put(1, 2, [], {leaving: true});
  await bench.clock.advance(5000);
  const after = samplesOf(await scrape(bench));
  t.deepEqual(
    [...after.keys()].filter((series) => series.includes('node1') || series.includes('application_load')),
    [],
  );
});

test('asking walks over no flow table, however often', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80]);
  await bench.clock.advance(3000);
  const {segment} = bench.native;
  const refuse = () => t.fail('the flow table was walked');
  Object.assign(segment, {flows: refuse, flowsPerEndpoint: refuse, expiring: refuse});
  const texts = await Promise.all([1, 2, 3].map(() => scrape(bench)));
  t.is(new Set(texts).size, 1);
});

test('how long publishing takes, in buckets', async (t) => {
  const exposition = new Exposition(seriesGroups);
  for (const seconds of [0.0004, 0.003, 0.003, 2]) exposition.published(seconds);
  const bench = await new Bench().start();
  const samples = samplesOf(await scrape(Object.assign(bench, {exposition})));
  const bucket = (le: string) => samples.get(`coscanet_publish_duration_seconds_bucket{le="${le}"}`);
  t.deepEqual(['0.0005', '0.002', '0.005', '0.5', '+Inf'].map(bucket), [1, 1, 3, 3, 4]);
});
