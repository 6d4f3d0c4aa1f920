import { type ApplicationState, type CredentialState, type IntegrationState, type IntegrationType, PlanLimits } from '#lib/contracts';
import type { ConfigChange } from '#lib/messaging';

/** An integration as it is wanted. */
export interface Wanted {
  readonly state: IntegrationState;
  readonly version: number;
}

/** What a change asks for. */
export type Effect =
  | { readonly kind: 'integration'; readonly id: string }
  | { readonly kind: 'deleted'; readonly id: string; readonly applicationId: string; readonly last: IntegrationState | undefined }
  | { readonly kind: 'application'; readonly id: string; readonly integrations: readonly string[] }
  /** `integrations`: those that name the credential, or named it before it got another name. */
  | { readonly kind: 'credential'; readonly integrations: readonly string[] };

interface Stamp {
  readonly epoch: number;
  readonly version: number;
}
const isNewer = (a: Stamp, b: Stamp | undefined): boolean =>
  b === undefined || a.epoch > b.epoch || (a.epoch === b.epoch && a.version > b.version);

/** Deletions remembered, so that an older update which comes late doesn't bring one back. */
const MAX_DELETED = 100_000;

const DEFAULT_LIMITS = PlanLimits.parse({});

/** The configuration of one provider's integrations as CONFIG has it: the highest (epoch, version) of each wins, whatever order they come in. */
export class Desired {
  readonly #type: IntegrationType;
  readonly #integrations = new Map<string, { state: IntegrationState; stamp: Stamp }>();
  readonly #applications = new Map<string, { state: ApplicationState | undefined; stamp: Stamp; integrations: Set<string> }>();
  /** By application, then by the credential's id: few of them are named by integrations of one type. */
  readonly #credentials = new Map<string, Map<string, { state: CredentialState; stamp: Stamp }>>();
  readonly #deleted = new Map<string, Stamp>();

  constructor(type: IntegrationType) {
    this.#type = type;
  }

  /** Undefined: nothing to do. */
  apply(change: ConfigChange): Effect | undefined {
    const stamp = { epoch: change.epoch, version: change.version };
    if (change.kind === 'application') return this.#application(change as ConfigChange<'application'>, stamp);
    if (change.kind === 'credential') return this.#credential(change as ConfigChange<'credential'>, stamp);
    if (change.kind === 'integration' && change.type === this.#type) return this.#integration(change as ConfigChange<'integration'>, stamp);
    return undefined;
  }

  get(id: string): Wanted | undefined {
    const found = this.#integrations.get(id);
    return found === undefined ? undefined : { state: found.state, version: found.stamp.version };
  }

  application(id: string): ApplicationState | undefined {
    return this.#applications.get(id)?.state;
  }

  /** The credential that has this name now. */
  credential(applicationId: string, name: string): CredentialState | undefined {
    for (const { state } of this.#credentials.get(applicationId)?.values() ?? []) if (state.name === name) return state;
    return undefined;
  }

  limits(applicationId: string): PlanLimits {
    return this.#applications.get(applicationId)?.state?.limits ?? DEFAULT_LIMITS;
  }

  /** It is known to be gone, and not merely unknown as yet. */
  wasDeleted(id: string): boolean {
    return this.#deleted.has(id);
  }

  integrations(): Iterable<string> {
    return this.#integrations.keys();
  }

  #integration({ id, applicationId, state }: ConfigChange<'integration'>, stamp: Stamp): Effect | undefined {
    const known = this.#integrations.get(id);
    if (!isNewer(stamp, known?.stamp ?? this.#deleted.get(id))) return undefined;
    if (state === null) {
      this.#integrations.delete(id);
      this.#applications.get(applicationId)?.integrations.delete(id);
      this.#forget(id, stamp);
      return { kind: 'deleted', id, applicationId, last: known?.state };
    }
    this.#deleted.delete(id);
    this.#integrations.set(id, { state, stamp });
    this.#members(applicationId).add(id);
    return { kind: 'integration', id };
  }

  #credential({ id, applicationId, state }: ConfigChange<'credential'>, stamp: Stamp): Effect | undefined {
    const credentials = this.#credentials.get(applicationId) ?? new Map<string, { state: CredentialState; stamp: Stamp }>();
    const known = credentials.get(id);
    if (!isNewer(stamp, known?.stamp ?? this.#deleted.get(id))) return undefined;
    if (state === null) {
      credentials.delete(id);
      this.#forget(id, stamp);
    } else {
      this.#deleted.delete(id);
      credentials.set(id, { state, stamp });
    }
    if (credentials.size === 0) this.#credentials.delete(applicationId);
    else this.#credentials.set(applicationId, credentials);
    const names = new Set([known?.state.name, state?.name]);
    const members = [...(this.#applications.get(applicationId)?.integrations ?? [])];
    const integrations = members.filter((member) => {
      const named = this.#integrations.get(member)?.state.credentialName;
      return named !== undefined && names.has(named);
    });
    return { kind: 'credential', integrations };
  }

  #forget(id: string, stamp: Stamp): void {
    this.#deleted.set(id, stamp);
    if (this.#deleted.size <= MAX_DELETED) return;
    const [oldest = ''] = this.#deleted.keys();
    this.#deleted.delete(oldest);
  }

  #application({ id, state }: ConfigChange<'application'>, stamp: Stamp): Effect | undefined {
    const known = this.#applications.get(id);
    if (known !== undefined && !isNewer(stamp, known.stamp)) return undefined;
    const integrations = known?.integrations ?? new Set<string>();
    this.#applications.set(id, { state: state ?? undefined, stamp, integrations });
    return { kind: 'application', id, integrations: [...integrations] };
  }

  #members(applicationId: string): Set<string> {
    let found = this.#applications.get(applicationId);
    if (found === undefined) {
      found = { state: undefined, stamp: { epoch: -1, version: -1 }, integrations: new Set() };
      this.#applications.set(applicationId, found);
    }
    return found.integrations;
  }
}
