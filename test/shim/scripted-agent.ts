// An agent that answers by a script, in a network namespace of its own, around one command under the library.
//
//   node scripted-agent.js '{"delayMs":0,"answers":[{"errno":13,"reason":"…"}],"command":[…],"env":{…}}'
//
// Prints {requests, stdout, stderr, status, ms} as JSON. The last answer is repeated; `lose` hangs up instead.

import {spawn} from 'node:child_process';
import {native} from '../../addon/index.ts';
import type {ShimRequest} from '../../addon/agent.ts';
import type {Answer, Outcome, Script} from './support.ts';

const script = JSON.parse(process.argv[2] ?? '{}') as Script;
const outcome: Outcome = {requests: [], stdout: '', stderr: '', status: null, ms: 0};

function answer(request: ShimRequest, {lose, waitMs, errno, reason, virtual, block, scope}: Answer): void {
  if (request.kind === 'connect' && block !== undefined) {
    if (native.socketFacts(request.descriptor).localPort === 0)
      native.bindInBlock(request.descriptor, block, 'at-connect', null);
  }
  if (request.kind === 'bind' && virtual !== undefined) {
    native.bindNat(request.descriptor, '127.0.0.9', 0, virtual, 'alone');
  } else if (request.kind === 'bind' && errno === 0 && scope !== 'kernel') {
    native.bindSocket(request.descriptor, '127.0.0.9', 4000 + outcome.requests.length, null);
  }
  native.closeDescriptor(request.descriptor);
  // There is no way to hang up on purpose: a number that is no errno is a broken answer for the library.
  setTimeout(() => request.reply(lose ? 99_999 : errno, reason, scope), waitMs ?? 0).unref();
}

function onRequest(request: ShimRequest): void {
  const {kind, retry, exhausted, address} = request;
  outcome.requests.push({kind, retry, exhausted, address: address.toString('hex')});
  const {answers} = script;
  const next = answers[Math.min(outcome.requests.length, answers.length) - 1];
  if (next !== undefined) answer(request, next);
}

const listen = () => native.listenShim('coscanet-agent', onRequest);
let server = script.delayMs === 0 ? listen() : null;
if (script.delayMs > 0) setTimeout(() => (server = listen()), script.delayMs).unref();

const started = performance.now();
const [command = '', ...args] = script.command;
const child = spawn(command, args, {env: {...process.env, ...script.env}, stdio: ['ignore', 'pipe', 'pipe']});
child.stdout.on('data', (data: Buffer) => (outcome.stdout += data.toString()));
child.stderr.on('data', (data: Buffer) => (outcome.stderr += data.toString()));
child.on('close', (status) => {
  outcome.status = status;
  outcome.ms = performance.now() - started;
  server?.close();
  process.stdout.write(JSON.stringify(outcome));
});
