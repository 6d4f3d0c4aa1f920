import { definitionOf, MASK, secretPaths } from '#lib/connectors';
import {
  applicationToWire,
  type ConfigStates,
  credentialToWire,
  flowVersionToWire,
  type IntegrationState,
  integrationToWire,
  type LiveKind,
  tokenToWire,
  workflowToWire,
} from '#lib/contracts';
import { maskFields } from '#lib/secrets';

type Wire = Record<string, unknown>;

function integrationAnswer(state: IntegrationState, version: number): Wire {
  const definition = definitionOf(state.integrationType);
  const masked = maskFields(secretPaths(definition), state.config, MASK);
  return { ...integrationToWire(state, masked), version, delivery: definition.capabilities.delivery(state.config) };
}

const WIRE: { [K in LiveKind]: (state: ConfigStates[K], version: number) => Wire } = {
  application: applicationToWire,
  integration: integrationAnswer,
  credential: credentialToWire,
  workflow: workflowToWire,
  flowVersion: flowVersionToWire,
  token: tokenToWire,
};

/** A state as clients see it; no secret in it is readable. */
export const toWire = <K extends LiveKind>(kind: K, state: ConfigStates[K], version: number): Wire => WIRE[kind](state, version);
