import type { IntegrationType } from './integration-types.ts';
import { partitionOf } from './partition.ts';

/** Every NATS subject Sluice uses, made in one place. Ids contain no dots; provider keys neither. */

export type ConfigKind = 'application' | 'integration' | 'credential' | 'workflow' | 'flowVersion' | 'token';

/** `config.<kind>.<type>.<applicationId>.<id>`; type is the integration type, else `-`. */
export const configSubject = (kind: ConfigKind, type: IntegrationType | '-', applicationId: string, id: string): string =>
  `config.${kind}.${type}.${applicationId}.${id}`;

/** `inbound.<p>.<applicationId>.<sourceId>`: the source is an integration, or a workflow whose virtual button was pressed. */
export const inboundSubject = (applicationId: string, sourceId: string): string =>
  `inbound.${partitionOf(applicationId)}.${applicationId}.${sourceId}`;
export const inboundFilter = (partition: number): string => `inbound.${partition}.>`;

export const triggeredSubject = (applicationId: string, workflowId: string): string =>
  `triggered.${partitionOf(applicationId)}.${applicationId}.${workflowId}`;
export const triggeredFilter = (partition: number): string => `triggered.${partition}.>`;

/** Core NATS request to the connector that owns the integration. */
export const sendSubject = (provider: IntegrationType, applicationId: string, integrationId: string): string =>
  `send.${provider}.${partitionOf(integrationId)}.${applicationId}.${integrationId}`;
export const sendFilter = (provider: IntegrationType, partition: number): string => `send.${provider}.${partition}.>`;

export const outboundSubject = (provider: IntegrationType, applicationId: string, integrationId: string): string =>
  `outbound.${provider}.${partitionOf(integrationId)}.${applicationId}.${integrationId}`;
export const outboundFilter = (provider: IntegrationType, partition: number): string => `outbound.${provider}.${partition}.>`;

/** Core NATS request to the owner of an integration, beside sends: {@link ControlRequest}. */
export const controlSubject = (provider: IntegrationType, applicationId: string, integrationId: string): string =>
  `control.${provider}.${partitionOf(integrationId)}.${applicationId}.${integrationId}`;
export const controlFilter = (provider: IntegrationType, partition: number): string => `control.${provider}.${partition}.>`;

/** Core NATS request to any connector of a type, whichever partitions it holds: {@link CheckRequest}. */
export const checkSubject = (provider: IntegrationType): string => `check.${provider}`;

/** Core NATS requests between services, answered by any replica of the service named; see bus.ts for what they carry. */
export const NUMBER_SUBJECT = 'ask.dispatch.number';
export const RUN_COUNTS_SUBJECT = 'ask.runner.counts';

/** Core NATS request to the dispatch that holds an application's partition: {@link AppliedRequest}. */
export const appliedSubject = (partition: number): string => `ask.dispatch.applied.${partition}`;
/** Core NATS request to the dispatch that holds a partition: {@link SettledReply}. */
export const settledSubject = (partition: number): string => `ask.dispatch.settled.${partition}`;

/** Written once by each new holder into the JetStream stream it writes to; every publish is checked against its sequence. */
export const fenceSubject = (stream: 'INBOUND' | 'TRIGGERED' | 'OUTBOUND', holder: string, partition: number): string =>
  `fence.${stream}.${holder}.${partition}`;

export type ActivityKind = 'status' | 'run' | 'runError' | 'debug' | 'message' | 'deadLetter' | 'quota';
export const activitySubject = (applicationId: string, kind: ActivityKind, id: string): string => `activity.${applicationId}.${kind}.${id}`;

/** `deadletter.<applicationId>.<sourceId>`; sourceId is the integration, workflow, or `-` for a poisoned event. */
export const deadLetterSubject = (applicationId: string, sourceId: string): string => `deadletter.${applicationId}.${sourceId}`;

export const commandSubject = (kind: ConfigKind, name: string): string => `command.${kind}.${name}`;
export const querySubject = (kind: string, name: string): string => `query.${kind}.${name}`;
