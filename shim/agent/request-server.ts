// Serves the requests of programs (addon/src/abi/shim_protocol.h): each passes its socket, waits for one answer, and is
// identified by the kernel.

import type {AgentNative, ShimRequest, ShimServer} from '../../addon/agent.ts';
import {UserError, codeOf} from '../../router/base/error.ts';
import type {Binder} from './binder.ts';
import type {SourceSelector} from './outbound/source-selector.ts';

const SHIM_NAME = 'coscanet-agent';

export interface RequestServerDeps {
  native: Pick<AgentNative, 'listenShim' | 'closeDescriptor'>;
  binder: Pick<Binder, 'bind'>;
  sources: Pick<SourceSelector, 'select'>;
  /** Resolves when the router knows what the kernel shows now, or after a while. */
  register: () => Promise<unknown>;
}

export class RequestServer {
  readonly #deps: RequestServerDeps;
  #server: ShimServer | null = null;

  constructor(deps: RequestServerDeps) {
    this.#deps = deps;
  }

  /** Throws a UserError if another agent serves this network namespace. */
  listen(): void {
    try {
      this.#server = this.#deps.native.listenShim(SHIM_NAME, (request) => void this.#serve(request));
    } catch (error) {
      throw codeOf(error) === 'EADDRINUSE'
        ? new UserError('another agent serves this network namespace (@coscanet-agent is taken)')
        : error;
    }
  }

  close(): void {
    this.#server?.close();
  }

  async #serve(request: ShimRequest): Promise<void> {
    const {native, binder, sources, register} = this.#deps;
    // Our copy is closed before the answer: then the program is the only owner of the socket.
    if (request.kind === 'listen') {
      native.closeDescriptor(request.descriptor);
      await register();
      request.reply(0, '');
      return;
    }
    const answer =
      request.kind === 'bind' ? ((await binder.bind(request)) ?? 'call') : await sources.select(request);
    native.closeDescriptor(request.descriptor);
    if (typeof answer === 'string') request.reply(0, '', answer);
    else request.reply(answer.errno, answer.reason);
  }
}
