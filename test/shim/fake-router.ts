// A router that only listens: takes the agents' PUTs, writes each as one JSON line to stdout with its time, and
// answers with the config given as its argument, and what it plays (play.ts). Its own process, because it lives in
// a network namespace.
//
//   node fake-router.js ADDRESS PORT SECRET ORDERS DELAY_MS PART

import http from 'node:http';
import type {NodeConfig, NodeState} from '../../router/protocol/messages.ts';
import {Play} from './play.ts';
import type {Part} from './play.ts';

const [address = '', port = '', secret = '', config = '', delayMs = '0', part = '{}'] = process.argv.slice(2);
const play = new Play(JSON.parse(part) as Part);

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (data: Buffer) => (body += data.toString()));
  request.on('end', () => {
    const isKnown = request.headers.authorization === `Bearer ${secret}`;
    response.writeHead(isKnown ? 200 : 401, {'content-type': 'application/json'});
    if (!isKnown) {
      response.end(JSON.stringify({error: 'wrong or missing secret'}));
      return;
    }
    const state = JSON.parse(body) as NodeState;
    const answer = JSON.stringify(play.answer(state, JSON.parse(config) as NodeConfig));
    setTimeout(() => response.end(answer), Number(delayMs));
    process.stdout.write(`${JSON.stringify({time: Date.now(), url: request.url, state})}\n`);
  });
});
server.listen(Number(port), address, () => process.stdout.write('"ready"\n'));
