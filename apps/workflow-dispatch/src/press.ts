import { randomUUID } from 'node:crypto';
import { type ApiError, type Command, issuesToApiError, validationError, VirtualButtonPress } from '#lib/contracts';
import { type Bus, catchUp, type ConfigFollower } from '#lib/messaging';
import type { Logger } from '#lib/platform';
import type { Catalog } from './catalog.ts';

export interface PressContext {
  readonly bus: Pick<Bus, 'publishInbound' | 'streamInfo'>;
  readonly catalog: Catalog;
  readonly follower: Pick<ConfigFollower, 'sequence' | 'reached'>;
  readonly log: Logger;
}

/** Stores the press of a virtual button as an inbound event; undefined once it is stored, else why it is refused. `now`: epoch ms. */
export async function press({ bus, follower, catalog, log }: PressContext, command: Command, now: number): Promise<ApiError | undefined> {
  const { applicationId, id = '', actor, idempotencyKey, input } = command;
  let refusal = refusalOf(catalog, command);
  if (refusal !== undefined) {
    // Whoever presses may have heard of a change a moment before us.
    await catchUp(bus, follower, (error) => log.warn({ err: error }, 'the configuration is behind'));
    refusal = refusalOf(catalog, command);
  }
  if (refusal !== undefined) return refusal;
  const { key, payload, meta } = VirtualButtonPress.parse(input);
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

function refusalOf(catalog: Catalog, { applicationId, id = '', input }: Command): ApiError | undefined {
  const workflow = catalog.workflow(applicationId, id);
  if (workflow === undefined) return { type: 'NotFound', message: 'There is no such workflow in this application.' };
  const parsed = VirtualButtonPress.safeParse(input);
  if (!parsed.success) return issuesToApiError(parsed.error);
  const { key, flowVersion } = parsed.data;
  if (flowVersion !== undefined && flowVersion !== (workflow.defaultVersion?.version ?? 'develop'))
    return validationError([{ path: ['flowVersion'], message: 'is not the default version, which alone runs here' }]);
  if (!workflow.triggers.some((trigger) => trigger.type === 'virtualButton' && trigger.key === key))
    return validationError([{ path: ['key'], message: 'is not the key of a virtual button of this workflow' }]);
  return workflow.enabled ? undefined : { type: 'Conflict', message: 'The workflow is disabled: enable it first.' };
}
