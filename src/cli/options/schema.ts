/** The JSON schema of `--config`, for editors: `run.schema.json` of the package, which `npm run build` writes. */
import { TRAIN_OPTIONS } from './train-options'
import type { Option } from './option'

export function trainSchema(): object {
  const stored = Object.entries(TRAIN_OPTIONS).filter(([, option]: [string, Option]) => option.isStored !== false)
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'zoetrope train',
    description: 'What `zoetrope train --config` reads. Comments and commas behind the last entry are allowed.',
    type: 'object',
    properties: {
      $schema: { type: 'string' },
      ...Object.fromEntries(stored.map(([name, option]) => [name, { description: option.about, ...typeOf(option) }])),
    },
    additionalProperties: false,
  }
}

function typeOf(option: Option): object {
  switch (option.type) {
    case 'flag':
      return { type: 'boolean' }
    case 'integer':
      return { type: 'integer', minimum: option.minimum }
    case 'number':
      return { type: 'number', minimum: option.minimum, ...(option.below && { exclusiveMaximum: option.below }) }
    case 'text': {
      const text = { type: 'string', minLength: 1 }
      return option.canBeOff === true ? { anyOf: [text, { const: false }] } : text
    }
    case 'choice':
      return { enum: option.choices }
    case 'integers':
      return { type: 'array', items: { type: 'integer', minimum: option.minimum }, minItems: 1 }
    case 'size': {
      const side = { type: 'integer', minimum: 1 }
      const sides = { type: 'object', properties: { height: side, width: side }, required: ['height', 'width'] }
      return { anyOf: [side, { ...sides, additionalProperties: false }] }
    }
  }
}
