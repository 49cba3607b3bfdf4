// What the library asks of the agent in a program's name: here a bind to 0.0.0.0:80, unless said otherwise.

import type {ShimRequest} from '../../addon/agent.ts';

export const wildcard80 = Buffer.from('02000050000000000000000000000000', 'hex');

export function request(change: Partial<ShimRequest> = {}): ShimRequest {
  return {
    reply: () => {},
    gone: () => false,
    kind: 'bind',
    retry: false,
    exhausted: false,
    descriptor: 9,
    address: wildcard80,
    pid: 1,
    uid: 0,
    ...change,
  };
}
