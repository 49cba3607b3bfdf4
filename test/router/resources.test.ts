// What operators read and do: each entry of the tables has a route that answers by its schema, and a text.

import test from 'ava';
import {actions, resources} from '../../router/api/resources.ts';
import type {ActionName} from '../../router/api/resources.ts';
import {createRouterApi} from '../../router/api/router-api.ts';
import {createControlServer} from '../../router/api/server.ts';
import {silentLogger} from '../../router/base/logger.ts';
import type {Settings} from '../../router/config/settings.ts';
import {Bench, web} from './bench.ts';

async function served() {
  const bench = await new Bench([web]).start();
  await bench.put(1, 1, [80], {outbound: [{vip: '10.77.0.100', wanted: 1, held: []}]});
  const settings = {mode: 'dsr', listen: {address: '10.88.0.1', port: 7400}} as Settings;
  const put = () => Promise.reject(new Error('not asked for here'));
  const reload = () => Promise.resolve({differences: ['+ application mail']});
  const api = createRouterApi({...bench, settings, put, reload, startedAt: 0});
  const ready = Promise.resolve();
  return createControlServer({router: () => api, ready, secret: null, log: silentLogger});
}

for (const [name, resource] of Object.entries(resources))
  test(`GET /v1/${name}`, async (t) => {
    const server = await served();
    const response = await server.inject({method: 'GET', url: `/v1/${name}`});
    t.is(response.statusCode, 200, response.body);
    t.regex(resource.format(resource.schema.parse(response.json())), /\n$/);
  });

const requests: Record<ActionName, object> = {
  weight: {target: 'node1', factor: 0.5},
  drain: {target: 'node1'},
  undrain: {target: 'node1'},
  reload: {},
};
for (const [name, action] of Object.entries(actions))
  test(`POST /v1/${name}`, async (t) => {
    const server = await served();
    const payload = requests[name as ActionName];
    const response = await server.inject({method: 'POST', url: `/v1/${name}`, payload});
    t.is(response.statusCode, 200, response.body);
    t.regex(action.format(action.schema.parse(response.json())), /\n$/);
  });
