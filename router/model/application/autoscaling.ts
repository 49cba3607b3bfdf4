// When an application wishes that a platform starts or stops nodes of it (metrics/scale.ts). Keys as in the
// configuration file; times in seconds.

export interface Autoscaling {
  /** So long its level is high, or too few nodes serve, until it wishes for more. */
  'out-after': number;
  /** So long its level is low until it wishes for fewer. */
  'in-after': number;
  /** It overrides for more as long as fewer serve, and never for fewer than these. */
  'min-nodes': number;
}

/** Out soon, since clients wait; in late, since starting again costs. */
export const defaultAutoscaling: Readonly<Autoscaling> = {'out-after': 30, 'in-after': 300, 'min-nodes': 1};
