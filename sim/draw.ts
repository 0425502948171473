/** Chance in words. */
export class Draw {
  readonly #random: () => number

  /** `random`: from 0 up to and not including 1. */
  constructor(random: () => number) {
    this.#random = random
  }

  chance(likely: number): boolean {
    return this.#random() < likely
  }

  /** A whole number, both ends included. */
  from(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1))
  }

  /** Errors: TypeError where there is none. */
  one<Value>(of: readonly Value[]): Value {
    const value = of[Math.floor(this.#random() * of.length)]
    if (value === undefined) throw new TypeError('nothing to draw from')
    return value
  }

  /** By weight. */
  weighted<Value>(of: readonly (readonly [weight: number, value: Value])[]): Value {
    const sum = of.reduce((total, [weight]) => total + weight, 0)
    let left = this.#random() * sum
    const found = of.find(([weight]) => {
      left -= weight
      return left < 0
    })
    return (found ?? this.one(of))[1]
  }
}
