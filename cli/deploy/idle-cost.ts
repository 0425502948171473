/** What a stack costs in a month in which nothing is dropped, with the arithmetic. Pure. */
import { meterOf, type Use } from './meters.ts'
import { type PriceName, prices } from './prices.ts'
import { madeResources, type Template } from './template.ts'

export interface CostLine {
  what: string
  /** Logical ids of what is paid for. */
  resources: string[]
  arithmetic: string
  /** US dollars a month where nothing else in the account uses up what AWS gives away. */
  dollars: number
  /** And where all of that is used up by others. */
  dollarsAtMost: number
}

export interface IdleCost {
  dollars: number
  dollarsAtMost: number
  lines: CostLine[]
  /** Types that nobody has put a price on: what they cost is not in the sums. */
  unpriced: string[]
}

/** Of several templates that share one account's allowances. */
export function idleCost(...templates: Template[]): IdleCost {
  const found = templates.flatMap(template =>
    madeResources(template).map(([id, resource]) => ({
      id,
      type: resource.Type,
      uses: meterOf(resource, template),
    })),
  )
  const lines = (Object.keys(prices) as PriceName[]).flatMap(name =>
    lineOf(
      name,
      found.flatMap(({ id, uses }) =>
        (uses ?? []).filter(use => use.price === name).map(use => ({ id, ...use })),
      ),
    ),
  )
  return {
    dollars: sum(lines.map(({ dollars }) => dollars)),
    dollarsAtMost: sum(lines.map(({ dollarsAtMost }) => dollarsAtMost)),
    lines,
    unpriced: [...new Set(found.filter(({ uses }) => uses === undefined).map(({ type }) => type))].toSorted(),
  }
}

function lineOf(name: PriceName, uses: (Use & { id: string })[]): CostLine[] {
  if (uses.length === 0) return []
  const { what, unit, dollars, free } = prices[name]
  const units = sum(uses.map(use => use.units))
  const given = free === 0 ? '' : `, ${figure(free)} free`
  return [
    {
      what,
      resources: [...new Set(uses.map(({ id }) => id))],
      arithmetic: `${figure(units)} ${unit}${units === 1 || unit === unit.toUpperCase() ? '' : 's'} x $${priceText(dollars)}${given}`,
      dollars: Math.max(0, units - free) * dollars,
      dollarsAtMost: units * dollars,
    },
  ]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function figure(number: number): string {
  return number.toLocaleString('en-US', { maximumSignificantDigits: 6 })
}

function priceText(dollars: number): string {
  return dollars >= 0.01 ? String(dollars) : dollars.toFixed(10).replace(/0+$/, '')
}
