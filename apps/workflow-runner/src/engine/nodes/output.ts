import type { IntegrationType } from '#lib/contracts';
import { NodeError } from '../errors.ts';
import type { KnownIntegration, OutputReply, Step } from '../node.ts';
import { renderRequired } from './config.ts';

/** What nodes that send through an integration have in common. */

/** The integration that a node names, by id or template. Throws when there is none, it is of another type, or disabled. */
export function integrationOf(step: Step, source: string, type: IntegrationType): KnownIntegration {
  const id = renderRequired(step, 'integrationId', source);
  const integration = step.ports.integration(step.run.applicationId, id);
  if (integration === undefined) throw new NodeError('IntegrationNotFound', `integrationId: there is no integration ${id}`);
  if (integration.integrationType !== type)
    throw new NodeError('IntegrationType', `integrationId: integration ${id} is of type ${integration.integrationType}, not ${type}`);
  if (!integration.enabled) throw disabled(integration.id);
  return integration;
}

const disabled = (id: string): NodeError => new NodeError('IntegrationDisabled', `integration ${id} is disabled`);

/** Throws for every verdict that isn't a success, for nodes whose failure ends the run. */
export function requireSent(integrationId: string, reply: OutputReply): void {
  switch (reply.verdict) {
    case 'succeeded':
    case 'queued':
      return;
    case 'failed':
      throw new NodeError(reply.error?.type ?? 'OutputFailed', reply.error?.message ?? 'the provider refused the message');
    case 'unknown':
      throw new NodeError(
        'OutputUnknown',
        `whether the message was sent is unknown: ${reply.error?.message ?? 'the connection was lost meanwhile'}`,
      );
    case 'disconnected':
      throw new NodeError('IntegrationDisconnected', reply.error?.message ?? `integration ${integrationId} is not connected`);
    case 'disabled':
      throw disabled(integrationId);
    case 'notFound':
      throw new NodeError('IntegrationNotFound', `its connector knows no integration ${integrationId}`);
    case 'busy':
      throw new NodeError('OutputBusy', reply.error?.message ?? `integration ${integrationId} has too many messages waiting to be sent`);
  }
}
