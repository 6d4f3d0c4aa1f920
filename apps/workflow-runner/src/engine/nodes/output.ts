import type { IntegrationType, SendReply, SendVerdict } from '#lib/contracts';
import { NodeError } from '../errors.ts';
import type { KnownIntegration, Output, OutputReply, Step } from '../node.ts';
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

/** Where a message goes, and as whom. */
export type Way = Pick<Output, 'integration' | 'through'>;

const disabled = (id: string): NodeError => new NodeError('IntegrationDisabled', `integration ${id} is disabled`);

type Words = SendReply['error'];

const FAILURES: Readonly<Record<Exclude<SendVerdict, 'succeeded'>, (id: string, error: Words) => NodeError>> = {
  failed: (_id, error) => new NodeError(error?.type ?? 'OutputFailed', error?.message ?? 'the provider refused the message'),
  unknown: (_id, error) =>
    new NodeError('OutputUnknown', `whether the message was sent is unknown: ${error?.message ?? 'the connection was lost meanwhile'}`),
  pending: (_id, error) => new NodeError('OutputUnknown', `whether the message was sent is unknown: ${error?.message ?? ''}`),
  disconnected: (id, error) => new NodeError('IntegrationDisconnected', error?.message ?? `integration ${id} is not connected`),
  disabled,
  notFound: (id) => new NodeError('IntegrationNotFound', `its connector knows no integration ${id}`),
  busy: (id, error) => new NodeError('OutputBusy', error?.message ?? `integration ${id} has too many messages waiting to be sent`),
};

/** Why a message wasn't sent, or may not have been; undefined: it was, or will be. */
function failureOf({ integration, through }: Way, { verdict, error }: OutputReply): NodeError | undefined {
  if (verdict === 'succeeded' || verdict === 'queued') return undefined;
  if (through !== undefined && verdict === 'disconnected')
    return new NodeError('OutputDisconnected', error?.message ?? `no connector of the type ${integration.integrationType} answers`);
  return FAILURES[verdict](integration.id, error);
}

/** Throws for every verdict that isn't a success, for nodes whose failure ends the run. */
export function requireSent(way: Way, reply: OutputReply): void {
  const refusal = failureOf(way, reply);
  if (refusal !== undefined) throw refusal;
}

/**
 * The error of a send, for nodes whose failure is a result; undefined: it was sent. Throws where there is no such integration or it is disabled: that is no
 * provider's answer. With no path for a result, whoever watches is told.
 */
export function reported(
  { ports, run, node }: Step,
  way: Way,
  reply: OutputReply,
  resultPath: string,
): { readonly type: string; readonly message: string } | undefined {
  const refusal = failureOf(way, reply);
  if (refusal === undefined) return undefined;
  if (reply.verdict === 'disabled' || reply.verdict === 'notFound') throw refusal;
  const { name: type, message } = refusal;
  if (resultPath === '') ports.debug({ run, nodeId: node.id, nodeType: node.type, level: 'error', message: `${type}: ${message}` });
  return { type, message };
}
