import type { Definition, Provider } from '#lib/connector-sdk';
import type { IntegrationType } from '#lib/contracts';
import type { EgressPolicy } from '#lib/egress';
import type { Bus, Fence } from '#lib/messaging';
import type { Logger } from '#lib/platform';
import type { Clock } from './time/clock.ts';
import type { HostGate } from './connection/host-gate.ts';
import type { ConnectorMetrics } from './metrics.ts';
import type { Renderer } from './configuration/rendering.ts';
import type { StatusBoard } from './status/status-board.ts';
import type { TimerWheel } from './time/wheel.ts';

/** What all integrations of a process share. */
export interface Shared {
  readonly bus: Bus;
  readonly type: IntegrationType;
  readonly definition: Definition;
  readonly provider: Provider;
  /** `connector-<type>`: whose leases and fences. */
  readonly service: string;
  readonly replicaId: string;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly gate: HostGate;
  readonly statuses: StatusBoard;
  readonly renderer: Renderer;
  readonly metrics: ConnectorMetrics;
  readonly egress: EgressPolicy;
  readonly log: Logger;
  /** CONFIG sequence applied. */
  configSequence(): number;
  /** Resolves once CONFIG is applied as far as it goes now, or after a while. */
  caughtUp(): Promise<void>;
  /** The bus refused a write: another holder has this partition. */
  fenced(partition: HeldPartition): void;
  /** A stream or subject is full: said by readiness. */
  full(): void;
}

export interface HeldPartition {
  readonly partition: number;
  readonly token: number;
  readonly fence: Fence;
  /** When the holder before us was last seen, if it died. */
  readonly deadSince: number | undefined;
}
