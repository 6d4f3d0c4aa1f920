import { randomUUID } from 'node:crypto';
import { type ApiError, type Command, issuesToApiError, validationError, VirtualButtonPress } from '#lib/contracts';
import type { Bus, ConfigFollower } from '#lib/messaging';
import type { Catalog } from './catalog.ts';

export interface PressContext {
  readonly bus: Pick<Bus, 'publishInbound'>;
  readonly catalog: Catalog;
  readonly follower: Pick<ConfigFollower, 'sequence'>;
}

/** Stores the press of a virtual button as an inbound event; undefined once it is stored, else why it is refused. `now`: epoch ms. */
export async function press({ bus, catalog, follower }: PressContext, command: Command, now: number): Promise<ApiError | undefined> {
  const { applicationId, id = '', actor, idempotencyKey, input } = command;
  const workflow = catalog.workflow(applicationId, id);
  if (workflow === undefined) return { type: 'NotFound', message: 'There is no such workflow in this application.' };
  const parsed = VirtualButtonPress.safeParse(input);
  if (!parsed.success) return issuesToApiError(parsed.error);
  const { key, payload, meta, flowVersion } = parsed.data;
  if (flowVersion !== undefined && flowVersion !== (workflow.defaultVersion?.version ?? 'develop'))
    return validationError([{ path: ['flowVersion'], message: 'is not the default version, which alone runs here' }]);
  if (!workflow.triggers.some((trigger) => trigger.type === 'virtualButton' && trigger.key === key))
    return validationError([{ path: ['key'], message: 'is not the key of a virtual button of this workflow' }]);
  if (!workflow.enabled) return { type: 'Conflict', message: 'The workflow is disabled: enable it first.' };
  const event = {
    type: 'press' as const,
    id: randomUUID(),
    applicationId,
    sourceId: id,
    sourceType: 'virtualButton',
    time: new Date(now).toISOString(),
    configSequence: follower.sequence,
    attributes: { key, payload, meta, relayId: actor.id, relayType: actor.type },
    body: new Uint8Array(),
  };
  // A repeat under the same key is the same press.
  await bus.publishInbound(event, idempotencyKey === undefined ? undefined : `${id}:press:${idempotencyKey}`, undefined);
  return undefined;
}
