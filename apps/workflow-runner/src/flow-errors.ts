import { fault } from '#fault';
import { type InboundEvent, inboundSubject, triggeredSubject } from '#lib/contracts';
import { errorTriggerKey } from '#lib/domain';
import { BusError, type Bus, type Fence, type StoredMessage, type StoredTriggered } from '#lib/messaging';
import { backOff } from './backoff.ts';
import type { RunResult } from './engine/index.ts';
import { shown } from './shown.ts';

/** How long a stream that is full is tried again, ms: it may wait for runs that wait for it. */
const FULL_PATIENCE_MS = 30_000;
/** Messages looked at in one request. */
const PAGE = 250;

/** A run that failed, as its errors are told. */
export interface FailedRun {
  readonly event: StoredTriggered;
  readonly flowClass: string;
  readonly result: RunResult;
  /** From 2 on an earlier attempt may have told of it already. */
  readonly attempt: number;
}

export interface FlowErrorOptions {
  readonly bus: Pick<Bus, 'publishInbound' | 'list' | 'decodeInbound' | 'decodeTriggered'>;
  /** CONFIG as applied here, so that dispatch knows of every trigger that this process does. */
  readonly configSequence: () => number;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/** `lost`: it couldn't be stored. `void`: nobody may tell of it here any more. */
export type Told = 'told' | 'lost' | 'void';

/**
 * Stores the error of a failed run as an inbound event, for dispatch to start flowError triggers with: once for each run, though its process dies in between. An
 * attempt after an interruption looks first whether the one before has stored it: in INBOUND, and then in what dispatch made of it, which nobody purges before
 * this run's own position has passed. The fence refuses what an earlier holder sends too late.
 */
export async function tellFlowError(options: FlowErrorOptions, run: FailedRun, fence: Fence): Promise<Told> {
  const { bus, signal, onError } = options;
  const event = eventOf(run, options.configSequence());
  const begun = performance.now();
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      if ((run.attempt > 1 || attempt > 0) && (await wasTold(bus, run.event, event.id))) return 'told';
      await bus.publishInbound(event, event.id, fence);
      fault('runner.afterFlowError');
      return 'told';
    } catch (error) {
      onError(error);
      const code = error instanceof BusError ? error.code : undefined;
      if (code === 'fenced') return 'void';
      if (code === 'tooLarge' || (code === 'full' && performance.now() - begun > FULL_PATIENCE_MS)) return 'lost';
      await backOff(attempt, signal);
    }
  }
  return 'void';
}

/** What dispatch starts flowError triggers with. */
export function eventOf({ event, flowClass, result }: FailedRun, configSequence: number): InboundEvent {
  const { applicationId, workflowId } = event;
  const { name = 'Error', message = '', nodeId, nodeType } = result.error ?? {};
  return {
    type: 'flowError',
    id: `${event.id}:flowError`,
    applicationId,
    sourceId: workflowId,
    sourceType: 'flowError',
    time: new Date(result.endedAt).toISOString(),
    configSequence,
    attributes: {
      key: errorTriggerKey(workflowId),
      flowClass,
      relayId: workflowId,
      relayType: 'flow',
      errorInfo: { error: { name, message }, nodeId, nodeType },
      erroredPayload: shown(result.payload),
    },
    body: new Uint8Array(),
  };
}

async function wasTold(
  bus: FlowErrorOptions['bus'],
  { applicationId, workflowId, position }: StoredTriggered,
  id: string,
): Promise<boolean> {
  const isIt =
    (read: (message: StoredMessage) => string) =>
    (message: StoredMessage): boolean => {
      try {
        return read(message) === id;
      } catch {
        return false; // something that can't be read is no error that was told
      }
    };
  const inbound = isIt((message) => bus.decodeInbound(message).id);
  if (await has(bus, 'INBOUND', inboundSubject(applicationId, workflowId), 0, inbound)) return true;
  const triggered = isIt((message) => bus.decodeTriggered(message).inbound.id);
  return await has(bus, 'TRIGGERED', triggeredSubject(applicationId, '*'), position, triggered);
}

async function has(
  bus: Pick<Bus, 'list'>,
  stream: 'INBOUND' | 'TRIGGERED',
  filter: string,
  from: number,
  isIt: (message: StoredMessage) => boolean,
): Promise<boolean> {
  let after = from;
  for (;;) {
    const page = await bus.list(stream, filter, { after, max: PAGE });
    if (page.some(isIt)) return true;
    if (page.length < PAGE) return false;
    after = page.at(-1)?.position ?? after;
  }
}
