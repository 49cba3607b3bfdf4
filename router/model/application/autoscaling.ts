// When starting or stopping a node of an application is recommended to the platform (metrics/scale.ts). Keys as in the
// configuration file; times in seconds.

export interface Autoscaling {
  /** So long its level is high, or too few nodes serve, until more are recommended. */
  'out-after': number;
  /** So long its level is low until fewer are recommended. */
  'in-after': number;
  /** More are recommended as long as fewer serve, and never fewer than these. */
  'min-nodes': number;
}

/** Out soon, since clients wait; in late, since starting again costs. */
export const defaultAutoscaling: Readonly<Autoscaling> = {'out-after': 30, 'in-after': 300, 'min-nodes': 1};
