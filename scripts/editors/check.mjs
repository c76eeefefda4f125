// What Cucumber's extensions of editors make of the steps that `lanherd steps --glue` writes: they run this very library.
//
//     node check.mjs lanherd.steps.js FEATURE...

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import assert from 'node:assert/strict'

// The build of the library as ECMAScript modules cannot load its own parser in Node.
const require = createRequire(import.meta.url)
const { ExpressionBuilder, buildSuggestions, jsSearchIndex, getGherkinCompletionItems, getGherkinDiagnostics } = require('@cucumber/language-service')
const { WasmParserAdapter } = require('@cucumber/language-service/wasm')

const [glue, ...features] = process.argv.slice(2)
assert(glue && features.length > 0, 'node check.mjs lanherd.steps.js FEATURE...')
const source = readFileSync(glue, 'utf8')

const parser = new WasmParserAdapter(fileURLToPath(new URL('./node_modules/@cucumber/language-service/dist', import.meta.url)))
await parser.init()
const { expressionLinks, parameterTypeLinks, errors, registry } = new ExpressionBuilder(parser).build(
  [{ languageName: 'javascript', uri: glue, content: source }],
  []
)
assert.deepEqual(errors.map(String), [], 'the library found something wrong with the steps')
const count = (pattern) => (source.match(pattern) ?? []).length
assert.equal(expressionLinks.length, count(/^(Given|When|Then)\(/gm), 'not all steps were found')
assert.equal(parameterTypeLinks.length, count(/^defineParameterType\(/gm), 'not all types of parameters were found')
assert(expressionLinks.length >= 90, `only ${expressionLinks.length} steps`)
const expressions = expressionLinks.map((link) => link.expression)

// Each step of each file is known, and is found in one place.
let known = 0
const texts = []
for (const feature of features) {
  const text = readFileSync(feature, 'utf8')
  const said = getGherkinDiagnostics(text, expressions)
  assert.deepEqual(said.map((one) => `${feature}:${one.range.start.line + 1}: ${one.message}`), [])
  for (const line of text.split('\n')) {
    const step = line.match(/^\s*(?:Given|When|Then|And|But) (.*)$/)?.[1]
    if (step === undefined || step.includes('<')) continue
    const matching = expressions.filter((one) => one.match(step.trim()) !== null)
    assert(matching.length > 0, `${feature}: ${step}`)
    texts.push(step.trim())
    known += 1
  }
}
assert(known > 100, `only ${known} steps in ${features.length} files`)

// One that is none is marked.
const wrong = 'Feature: F\n  Scenario: S\n    Given I create 10 virtual clients using macvlan\n    When all clients attempt to pong Google DNS\n'
const marked = getGherkinDiagnostics(wrong, expressions)
assert.equal(marked.length, 1, JSON.stringify(marked))
assert.equal(marked[0].range.start.line, 3)
assert.match(marked[0].message, /Undefined step: all clients attempt to pong Google DNS/)

// One that has been begun is completed.
const index = jsSearchIndex(buildSuggestions(registry, texts, expressions))
const begun = 'Feature: F\n  Scenario: S\n    When all clients attempt'
const items = getGherkinCompletionItems(begun, { line: 2, character: '    When all clients attempt'.length }, index)
const labels = items.map((item) => item.label)
assert(labels.some((label) => /attempt\(s\) to ping/.test(label)), JSON.stringify(labels))

console.log(`${expressionLinks.length} steps with ${parameterTypeLinks.length} types; ${known} steps of ${features.length} feature files are known`)
