// Checks that ask the program itself, from its own node. Each resolves with what is wrong in one line, or null.

import {spawn} from 'node:child_process';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import {codeOf, messageOf} from '../../../router/base/error.ts';
import type {CommandCheck, HttpCheck} from '../../../router/protocol/health.ts';
import type {NodeEndpoint} from '../../../router/protocol/messages.ts';

/** Where an endpoint is asked. */
export interface Target {
  address: string;
  port: number;
  /** What to bind the asking socket to, so that it reaches the node's own socket and not the router. */
  source: string | null;
}

const words: Record<string, string> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  ETIMEDOUT: 'no answer',
};

const wordOf = (error: unknown) => words[codeOf(error) ?? ''] ?? messageOf(error);
const silence = (timeout: number) => `no answer for ${timeout} s`;

/** Completes a handshake. `timeout` in seconds. */
export function probeTcp({address, port, source}: Target, timeout: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = net.connect({host: address, port, ...(source !== null && {localAddress: source})});
    const end = (problem: string | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(problem);
    };
    const timer = setTimeout(() => end(`tcp: ${silence(timeout)}`), timeout * 1000);
    socket.on('connect', () => end(null));
    socket.on('error', (error) => end(`tcp: ${wordOf(error)}`));
  });
}

/** Asks for a path; the answer's body is of no interest. `timeout` in seconds. */
export function probeHttp(
  {address, port, source}: Target,
  check: HttpCheck,
  host: string,
  timeout: number,
): Promise<string | null> {
  const name = `http ${check.path}`;
  return new Promise((resolve) => {
    const request = http.request({
      agent: false,
      host: address,
      port,
      path: check.path,
      headers: {host: check.host ?? host, 'user-agent': 'coscanet-health', connection: 'close'},
      ...(source !== null && {localAddress: source}),
    });
    const end = (problem: string | null) => {
      clearTimeout(timer);
      request.destroy();
      resolve(problem === null ? null : `${name}: ${problem}`);
    };
    const timer = setTimeout(() => end(silence(timeout)), timeout * 1000);
    request.on('error', (error) => end(wordOf(error)));
    request.on('response', ({statusCode: status = 0}) => {
      const isGood = check.status ? check.status.includes(status) : status >= 200 && status < 400;
      end(isGood ? null : `answered ${status}`);
    });
    request.end();
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

/** Runs a program of the node's folder for checks; it passes if that ends with status 0. `timeout` in seconds. */
export function probeCommand(
  folder: string,
  {run: [program = '', ...args]}: CommandCheck,
  endpoint: NodeEndpoint,
  {address, port, source}: Target,
  timeout: number,
): Promise<string | null> {
  const name = `command ${program}`;
  return new Promise((resolve) => {
    // A process group of its own, so that what it starts ends with it.
    const child = spawn(path.join(folder, program), args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        COSCANET_APPLICATION: endpoint.application,
        COSCANET_PROTOCOL: endpoint.protocol,
        COSCANET_VIP: endpoint.vip,
        COSCANET_VIP_PORT: String(endpoint.port),
        COSCANET_ADDRESS: address,
        COSCANET_PORT: String(port),
        COSCANET_SOURCE: source ?? '',
      },
    });
    let said = '';
    const hear = (data: Buffer) => {
      if (said.length < 200) said += data.toString();
    };
    const end = (problem: string | null) => {
      clearTimeout(timer);
      resolve(problem === null ? null : `${name}: ${problem}`.slice(0, 200));
    };
    const timer = setTimeout(() => {
      killGroup(child.pid);
      end(`no end after ${timeout} s`);
    }, timeout * 1000);
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', (error) =>
      end(codeOf(error) === 'ENOENT' ? `not in ${folder}` : `cannot run: ${codeOf(error)}`),
    );
    child.on('close', (status, signal) => {
      const line = said.trim().split('\n')[0] ?? '';
      end(status === 0 ? null : `${signal ?? `status ${status}`}${line === '' ? '' : `: ${line}`}`);
    });
  });
}
