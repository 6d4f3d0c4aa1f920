import type { InboundType } from '#lib/contracts';
import type { Period } from './quota.ts';

/** Where a message went. Every one has exactly one of these. `duplicate`: nowhere, the message before it with its id did. */
export type Outcome = 'dispatched' | 'unmatched' | 'rejectedByQuota' | 'disabled' | 'deadLettered' | 'duplicate';

/** What a finished inbound event changes in the ledger, committed with the position. */
export interface Effect {
  readonly applicationId: string;
  /** Integration; of a press, a timer or an error the workflow. */
  readonly sourceId: string;
  readonly sourceType: string;
  readonly type: InboundType;
  /** Workflows it started. */
  readonly triggered: number;
  /** Present for messages alone. */
  readonly message?: {
    readonly outcome: Outcome;
    /** Absent of a replayed one, which has none. */
    readonly number?: number;
    /** Digest of its provider's id, to be kept: absent of one that has none, and of a duplicate. */
    readonly id?: string;
    readonly missing: number;
    readonly repeated: boolean;
    readonly redelivered: boolean;
    /** How it was counted or refused; absent when it was judged before the quota. */
    readonly quota?: {
      readonly period: Period;
      /** Epoch ms: when it was stored. */
      readonly storedAt: number;
      /** The first one refused in its period: worth an event. */
      readonly firstRefused: boolean;
    };
  };
  /** Of a timer that was fired: the instant it was fired for, epoch ms. */
  readonly timer?: { readonly name: string; readonly at: number };
  readonly gap?: { readonly from: string; readonly to: string; readonly cause: string };
}
