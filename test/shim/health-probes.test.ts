// Which answers of a program are good: of HTTP by status, of TCP by the handshake, and what silence is called.

import http from 'node:http';
import net from 'node:net';
import type {AddressInfo} from 'node:net';
import test from 'ava';
import {probeHttp, probeTcp} from '../../shim/agent/health/probes.ts';

const statuses: {status: number; listed?: number[]; good: boolean}[] = [
  {status: 200, good: true},
  {status: 204, good: true},
  {status: 302, good: true},
  {status: 399, good: true},
  {status: 400, good: false},
  {status: 404, good: false},
  {status: 500, good: false},
  {status: 200, listed: [200, 204], good: true},
  {status: 204, listed: [200, 204], good: true},
  {status: 302, listed: [200, 204], good: false},
  {status: 200, listed: [401], good: false},
  {status: 401, listed: [401], good: true},
];

/** Listens on loopback until the test ends; resolves with where. */
async function listening(t: import('ava').ExecutionContext, server: net.Server) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return {address: '127.0.0.1', port: (server.address() as AddressInfo).port, source: null};
}

for (const {status, listed, good} of statuses) {
  const among = listed ? `where ${listed.join(' and ')} are good` : 'where nothing is said of statuses';
  test(`http: ${status} is ${good ? 'good' : 'bad'} ${among}`, async (t) => {
    const asked: string[] = [];
    const server = http.createServer((request, response) => {
      asked.push(`${request.headers.host} ${request.url}`);
      response.writeHead(status).end();
    });
    const target = await listening(t, server);
    const check = {path: '/healthz', ...(listed ? {status: listed} : {})};
    t.is(await probeHttp(target, check, 'vip:80', 5), good ? null : `http /healthz: answered ${status}`);
    t.deepEqual(asked, ['vip:80 /healthz']);
  });
}

test('tcp: a handshake is enough', async (t) => {
  const target = await listening(t, net.createServer());
  t.is(await probeTcp(target, 5), null);
});

test('nobody listens: refused', async (t) => {
  const server = net.createServer();
  const target = await listening(t, server);
  await new Promise((resolve) => server.close(resolve));
  t.is(await probeTcp(target, 5), 'tcp: refused');
  t.is(await probeHttp(target, {path: '/'}, 'vip:80', 5), 'http /: refused');
});

test('http: who takes the connection and says nothing', async (t) => {
  const sockets: net.Socket[] = [];
  const target = await listening(
    t,
    net.createServer((socket) => sockets.push(socket)),
  );
  t.is(await probeHttp(target, {path: '/'}, 'vip:80', 0.2), 'http /: no answer for 0.2 s');
  for (const socket of sockets) socket.destroy();
});
