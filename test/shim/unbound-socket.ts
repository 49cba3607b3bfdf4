// Facts of a TCP socket as a program passes it: not bound yet.

import type {SocketFacts} from '../../addon/agent.ts';

export const unbound: SocketFacts = {
  cookie: 1n,
  family: 'inet',
  protocol: 'tcp',
  v6only: false,
  reusePort: false,
  reuseAddress: false,
  sameNamespace: true,
  localAddress: '0.0.0.0',
  localPort: 0,
  virtualAddress: null,
};
