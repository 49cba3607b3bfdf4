// Echoes: requests as RFC 792 has them, answers told from others, and what happens where there are none to be had.

import test from 'ava';
import {silentLogger} from '../../router/base/logger.ts';
import type {Fields, Logger} from '../../router/base/logger.ts';
import {Echo, echoRequest, openRawSocket} from '../../router/supervisor/echo.ts';
import type {RawSocket} from '../../router/supervisor/echo.ts';
import {isChecksumRight} from '../support/checksum.ts';

class FakeSocket implements RawSocket {
  readonly sent: {packet: Buffer; address: string}[] = [];
  closed = false;
  #message: (packet: Buffer, source: string) => void = () => {};
  #error: (error: Error) => void = () => {};

  on(event: 'message' | 'error', listener: never): void {
    if (event === 'message') this.#message = listener;
    else this.#error = listener;
  }
  send(
    packet: Buffer,
    _offset: number,
    _length: number,
    address: string,
    done: (error: Error | null) => void,
  ) {
    this.sent.push({packet: Buffer.from(packet), address});
    done(address === '192.0.2.1' ? new Error('unreachable') : null);
  }
  close(): void {
    this.closed = true;
  }
  fail(): void {
    this.#error(new Error('gone'));
  }
  /** What a node would answer, changed by `change`. */
  reply(address: string, change: (packet: Buffer) => void = () => {}): void {
    const request = this.sent.at(-1)?.packet ?? Buffer.alloc(8);
    const packet = Buffer.concat([Buffer.alloc(20), request]);
    packet[0] = 0x45;
    packet[20] = 0;
    change(packet);
    this.#message(packet, address);
  }
}

const SOON = 60_000;

/** An echo source on a fake socket, and what it warned of. */
function fake(open?: () => RawSocket) {
  const sockets: FakeSocket[] = [];
  const warnings: Fields[] = [];
  const log: Logger = {...silentLogger, warn: (fields) => warnings.push(fields)};
  const make = () => {
    const socket = new FakeSocket();
    sockets.push(socket);
    return socket;
  };
  return {echo: new Echo(log, open ?? make), sockets, warnings};
}

test('a request: type 8, its number, the right checksum', (t) => {
  const packet = echoRequest(0xfffe, 0x0003);
  t.deepEqual([...packet.subarray(0, 2), ...packet.subarray(4)], [8, 0, 0xff, 0xfe, 0, 3]);
  for (let sequence = 0; sequence < 0x10000; sequence += 7)
    t.true(isChecksumRight(echoRequest(0xffff, sequence)));
});

test('who answers, and as soon as all have', async (t) => {
  const {echo, sockets} = fake();
  const asked = echo.ask(['10.0.0.1', '10.0.0.2'], SOON);
  const [socket] = sockets;
  t.deepEqual(
    socket?.sent.map((one) => one.address),
    ['10.0.0.1', '10.0.0.2'],
  );
  for (const address of ['10.0.0.1', '10.0.0.1', '10.0.0.9', '10.0.0.2']) socket?.reply(address);
  t.deepEqual([...((await asked) ?? [])], ['10.0.0.1', '10.0.0.2']);
  t.deepEqual([...((await echo.ask([], SOON)) ?? [])], []);
  echo.close();
  t.true(socket?.closed);
  t.is(await echo.ask(['10.0.0.1'], SOON), null);
});

test('what is no answer to this request does not count', async (t) => {
  const {echo, sockets} = fake();
  const asked = echo.ask(['10.0.0.1', '192.0.2.1'], 50);
  const [socket] = sockets;
  const changes: ((packet: Buffer) => void)[] = [
    (packet) => (packet[20] = 8),
    (packet) => (packet[20] = 3),
    (packet) => (packet[24] = (packet[24] ?? 0) ^ 1),
    (packet) => (packet[27] = (packet[27] ?? 0) ^ 1),
    (packet) => (packet[0] = 0x4f),
  ];
  for (const change of changes) socket?.reply('10.0.0.1', change);
  t.deepEqual([...((await asked) ?? [])], []);
  const next = echo.ask(['10.0.0.1'], 50);
  socket?.reply('10.0.0.1', (packet) => packet.writeUInt16BE(packet.readUInt16BE(26) - 1, 26));
  t.deepEqual([...((await next) ?? [])], [], 'an answer to the round before');
});

test('a socket that fails is opened anew', async (t) => {
  const {echo, sockets, warnings} = fake();
  const first = echo.ask(['10.0.0.1'], 20);
  sockets[0]?.fail();
  await first;
  const second = echo.ask(['10.0.0.1'], SOON);
  sockets[1]?.reply('10.0.0.1');
  t.is((await second)?.size, 1);
  t.is(warnings.length, 1);
});

test('no package: said once, with what helps; nobody is asked', async (t) => {
  let tries = 0;
  const {echo, warnings} = fake(() => {
    tries++;
    throw new Error("Cannot find module 'raw-socket'\nRequire stack: …");
  });
  t.is(await echo.ask(['10.0.0.1'], SOON), null);
  t.is(await echo.ask(['10.0.0.1'], SOON), null);
  t.is(tries, 1);
  t.deepEqual(
    warnings.map((one) => one['reason']),
    ["Cannot find module 'raw-socket'"],
  );
  t.regex(String(warnings[0]?.['hint']), /npm install raw-socket/);
});

test('the package itself: this host answers, or it is said what is missing', async (t) => {
  const {echo, warnings} = fake(openRawSocket);
  const answered = await echo.ask(['127.0.0.1'], 5000);
  echo.close();
  if (answered === null) t.regex(String(warnings[0]?.['reason']), /raw-socket|EPERM|not permitted/);
  else t.deepEqual([...answered], ['127.0.0.1']);
});
