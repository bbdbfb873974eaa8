import type { StackConfig } from "../config/stack-config";

/**
 * How long an `up` waits until a release runs, a Go duration: as long as Flux takes to upgrade, to roll a failed upgrade
 * back, and one minute more to see what there is to do. Go adds the parts up: `5m0s5m0s1m` is eleven minutes.
 */
export function releaseWait(config: StackConfig): string {
  return `${config.timeouts.release}${config.timeouts.release}1m`;
}

/**
 * How long an `up` waits until a source is fetched, a Go duration: as long as two fetches may take, of which one may fail
 * by chance, and one minute more for Flux to get to it. Nothing switches to a source that is not there by then.
 */
export function sourceWait(config: StackConfig): string {
  return `${config.timeouts.source}${config.timeouts.source}1m`;
}
