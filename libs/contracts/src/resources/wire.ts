import type { StatusRecord } from '../bus.ts';
import { LEASE_MS } from '../bus.ts';
import type {
  ApplicationState,
  CredentialState,
  FlowVersionState,
  GlobalState,
  IntegrationState,
  TokenState,
  WorkflowState,
} from '../config-state.ts';
import { CREDENTIAL_SECRET, credentialConfigOf } from '../credential-types.ts';
import { configFieldOf } from '../integration-types.ts';
import { GLOBAL_MASK } from './application.ts';
import type { IntegrationStatus } from './integration.ts';

/** States as clients see them. An absent value is absent, never null. */
type Wire = Record<string, unknown>;

const defined = (fields: Wire): Wire => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const globalToWire = ({ key, json, description, cloudOnly }: GlobalState): Wire =>
  defined({ key, json: typeof json === 'string' ? json : GLOBAL_MASK, description, cloudOnly });

export function applicationToWire(state: ApplicationState): Wire {
  const { id, name, description, globals, secretGlobals, limits, creationDate, lastUpdated } = state;
  return defined({
    id,
    applicationId: id,
    creationDate,
    lastUpdated,
    name,
    description,
    globals: globals.map(globalToWire),
    secretGlobals,
    limits,
  });
}

/** `maskedConfig`: the configuration with every sealed secret replaced by its mask. An assigned client id shows as the one in use. */
export function integrationToWire(state: IntegrationState, maskedConfig: Wire): Wire {
  const { id, applicationId, creationDate, lastUpdated, name, enabled, integrationType, credentialName, topics, assignedClientId } = state;
  const clientId = assignedClientId === undefined || 'clientId' in maskedConfig ? {} : { clientId: assignedClientId };
  const common = {
    id,
    integrationId: id,
    applicationId,
    creationDate,
    lastUpdated,
    name,
    enabled,
    integrationType,
    credentialName,
    topics,
  };
  return defined({ ...common, [configFieldOf(integrationType)]: { ...maskedConfig, ...clientId } });
}

/** Without its secret, not even as a mask. */
export function credentialToWire(state: CredentialState): Wire {
  const { id, applicationId, creationDate, lastUpdated, name, description, enabled, type, config } = state;
  const { [CREDENTIAL_SECRET[type]]: _secret, ...open } = config;
  return defined({ id, applicationId, creationDate, lastUpdated, name, description, enabled, type, [credentialConfigOf(type)]: open });
}

export function workflowToWire(state: WorkflowState): Wire {
  const {
    id,
    applicationId,
    creationDate,
    lastUpdated,
    name,
    enabled,
    flowClass,
    triggers,
    nodes,
    globals,
    topicFilters,
    extra,
    defaultVersion,
    createdById,
    createdByType,
    lastUpdatedById,
    lastUpdatedByType,
  } = state;
  const authorship = { createdById, createdByType, lastUpdatedById, lastUpdatedByType };
  const common = { id, flowId: id, applicationId, creationDate, lastUpdated, name, enabled, flowClass, triggers, nodes };
  return defined({
    ...extra,
    ...common,
    ...authorship,
    globals: globals.map(globalToWire),
    topicFilters,
    defaultVersionId: defaultVersion?.id,
  });
}

export function flowVersionToWire({ id, globals, ...state }: FlowVersionState): Wire {
  return defined({ ...state, id, flowVersionId: id, globals: globals.map(globalToWire) });
}

/** Never carries the token or its hash; the answer to a creation adds the token. */
export function tokenToWire(state: TokenState): Wire {
  const { id, applicationId, creatorId, creatorType, creationDate, lastUpdated, name, description, scope, status, expirationDate } = state;
  const ownerId = applicationId === '-' ? undefined : applicationId;
  return defined({
    id,
    apiTokenId: id,
    ownerId,
    ownerType: 'application',
    creatorId,
    creatorType,
    creationDate,
    lastUpdated,
    name,
    description,
    scope,
    status,
    expirationDate,
  });
}

/**
 * The status as read now: what the connector last wrote, joined with its heartbeat (epoch ms; undefined: none). Without a recent heartbeat the holder is
 * gone, and what it said last is not known to be true any more.
 */
export function statusToWire(record: StatusRecord | undefined, heartbeatAt: number | undefined, now: number): IntegrationStatus {
  if (record === undefined) return { state: 'unknown', reason: 'No connector has taken this integration yet.' };
  const { state, since, reason, evidence, nextAttempt, appliedVersion, connectInfo, disconnectInfo } = record;
  const alive = heartbeatAt !== undefined && now - heartbeatAt <= LEASE_MS;
  const infos = { connectInfo, disconnectInfo, evidence, appliedVersion };
  if (!alive && state !== 'disabled') {
    const gone = {
      state: 'unknown' as const,
      since: Math.max(since, (heartbeatAt ?? since) + LEASE_MS),
      reason: 'The connector that held it does not answer.',
    };
    return defined({ ...infos, ...gone, lastKeepAlive: heartbeatAt });
  }
  const lastKeepAlive = state === 'connected' || state === 'throttled' ? heartbeatAt : undefined;
  return defined({ ...infos, state, since, reason, nextAttempt, lastKeepAlive });
}
