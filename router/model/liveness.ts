// From single probes to a verdict: an endpoint is unreachable after some bad ones in a row, and reachable again
// after some good ones. Pure.

/** open: SYN-ACK. refused: RST. silent: no answer in time. unsent: the router could not send it, nor would flows go. */
export type ProbeResult = 'open' | 'refused' | 'silent' | 'unsent';

export interface ProbeRules {
  intervalMs: number;
  /** Good probes in a row until an unreachable endpoint is reachable. */
  rise: number;
  /** Bad probes in a row until an endpoint is unreachable. */
  fall: number;
  /** Nodes are asked for an echo too. */
  echo: boolean;
}

/** What is cut off leaves within interval × (fall + 1): 3 s. */
export const defaultProbeRules: ProbeRules = {intervalMs: 750, rise: 2, fall: 3, echo: true};

/**
 * refuses: nobody listens, whatever its agent says · silent: it does not answer, though its node does · lost: its
 * node does not answer · unknown: it does not answer, and of its node nothing else is known · unsent: the router's own
 * interface cannot send to it.
 */
export const unreachableKinds = ['refuses', 'silent', 'lost', 'unknown', 'unsent'] as const;
export type Unreachable = (typeof unreachableKinds)[number];

export interface Finding {
  result: ProbeResult;
  /** Does its node answer anything? */
  node: 'answers' | 'silent' | 'unknown';
  /**
   * Silence means something: its agent is silent too, or the node has been heard before. Of what was never heard, it
   * may be that probes do not get through and clients do.
   */
  trusted: boolean;
  /** Its agent is silent too: one refusal is enough. */
  alone: boolean;
}

export interface Streak {
  good: number;
  bad: number;
}

/** Counts a finding in `streak`; the verdict from now on, or null: as before. */
export function judge(streak: Streak, finding: Finding, rules: ProbeRules): Unreachable | 'reachable' | null {
  const {result, trusted, alone} = finding;
  if (result === 'open') {
    streak.bad = 0;
    return ++streak.good >= rules.rise ? 'reachable' : null;
  }
  if (result === 'silent' && !trusted) return null;
  streak.good = 0;
  streak.bad++;
  const evident = result === 'refused' && alone;
  return evident || streak.bad >= rules.fall ? kindOf(finding) : null;
}

function kindOf({result, node}: Finding): Unreachable {
  if (result === 'refused') return 'refuses';
  if (result === 'unsent') return 'unsent';
  return node === 'answers' ? 'silent' : node === 'silent' ? 'lost' : 'unknown';
}
