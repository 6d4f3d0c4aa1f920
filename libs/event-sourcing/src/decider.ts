/**
 * What an aggregate may do: plain functions. Ids, clock and actor arrive in the command; a broken rule throws and nothing has happened.
 * An empty list of events means that the command changes nothing.
 */
export interface Decider<State, Command, Event> {
  readonly initialState: State;
  decide(command: Command, state: State): readonly Event[];
  evolve(state: State, event: Event): State;
}

/** The state that a stream of events leads to. */
export const fold = <State, Event>(
  decider: Pick<Decider<State, never, Event>, 'initialState' | 'evolve'>,
  events: readonly Event[],
): State => events.reduce((state, event) => decider.evolve(state, event), decider.initialState);
