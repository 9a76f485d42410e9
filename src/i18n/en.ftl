# Names of coded values in English: LIST-VALUE. `line-...` are lines that surfaces print whole.
line-do_not_alert = DO NOT ALERT THE PERSON

kind-missing_offender = missing offender
kind-travel_notice = travel notice
kind-public_protection = public protection
kind-restriction_order = restriction order
kind-information_request = information request
kind-information_reply = information reply
kind-sighting = sighting
kind-outcome = outcome
kind-update = update
kind-correction = correction
kind-extend = extension to others
kind-recall = recall
kind-closure = closure
kind-answer = answer
kind-instruction = instruction
kind-statistics = statistics
kind-notice_of_service = notice of service

status-actual = actual
status-exercise = exercise
status-system = between systems
status-test = test

priority-routine = routine
priority-priority = priority
priority-urgent = urgent
priority-flash = flash

handling-H0 = H0: for preventing and combating crime only
handling-H1 = H1: no disclosure in court without permission
handling-H2 = H2: no dissemination without permission
handling-H3 = H3: other restrictions

transfer-ground-adequacy = adequacy decision
transfer-ground-safeguards = appropriate safeguards
transfer-ground-derogation = derogation

source-reliability-A = A: reliable in all instances
source-reliability-B = B: mostly reliable
source-reliability-C = C: mostly unreliable
source-reliability-X = X: cannot be assessed

information-reliability-1 = 1: accuracy not in doubt
information-reliability-2 = 2: known personally to the source
information-reliability-3 = 3: not known personally to the source, but corroborated
information-reliability-4 = 4: neither known personally nor corroborated

tlp-clear = TLP:CLEAR, may be made public
tlp-green = TLP:GREEN, for the community
tlp-amber = TLP:AMBER, for the organisation and its clients who need to know
tlp-amber_strict = TLP:AMBER+STRICT, for the organisation alone
tlp-red = TLP:RED, for the individual recipients alone

pap-clear = PAP:CLEAR, no limits to action
pap-green = PAP:GREEN, active measures allowed
pap-amber = PAP:AMBER, passive checks alone
pap-red = PAP:RED, nothing that can be noticed

sex-male = male
sex-female = female
sex-not_known = not known
sex-not_applicable = not applicable

name-kind-legal = legal name
name-kind-birth = name at birth
name-kind-alias = alias

name-quality-good = confirmed
name-quality-low = not confirmed

document-category-passport = passport
document-category-identity_card = identity card
document-category-residence_permit = residence permit
document-category-visa = visa
document-category-driving_licence = driving licence
document-category-refugee_document = travel document of a refugee or stateless person
document-category-other = other document

document-status-valid = valid
document-status-surrendered = surrendered
document-status-lost = lost
document-status-stolen = stolen
document-status-invalidated = invalidated

child-contact-none = no contact with children
child-contact-works_with_children = works with children
child-contact-not_known = not known

reach-kind-telephone = telephone
reach-kind-mail = electronic mail
reach-kind-internet_identifier = internet identifier

risk-level-low = low
risk-level-medium = medium
risk-level-high = high
risk-level-very_high = very high

warning-kind-armed = armed
warning-kind-violent = violent
warning-kind-absconded = absconded or escaped
warning-kind-suicide_risk = risk of suicide
warning-kind-public_health_threat = threat to public health
warning-kind-terrorism = involved in terrorism
warning-kind-danger_to_children = danger to children

supervision-only_supervised = only under supervision
supervision-none_allowed = not even under supervision

travel-scope-named = the countries named
travel-scope-all_but_named = all countries but those named
travel-scope-all = all countries

victim-age-under_6 = under 6
victim-age-6_to_12 = 6 to 12
victim-age-13_to_15 = 13 to 15
victim-age-16_to_17 = 16 or 17
victim-age-adult = 18 or more
victim-age-not_known = not known

offence-class-rape = rape
offence-class-sexual_abuse = sexual abuse
offence-class-sexual_exploitation = sexual exploitation
offence-class-grooming = grooming
offence-class-abuse_material = abuse material
offence-class-other_sexual = other sexual offence
offence-class-breach = breach of an order or of registration
offence-class-other = other offence
offence-class-not_stated = not stated

prior-report-missing = reported missing before
prior-report-none = not reported missing before

asked-action-arrest_for_extradition = arrest for extradition
asked-action-refuse_entry = refuse entry
asked-action-specific_check = specific check
asked-action-inquiry_check = inquiry check
asked-action-discreet_check = discreet check
asked-action-keep_under_surveillance = keep under surveillance
asked-action-locate_and_report = locate and report
asked-action-contact_us_first = contact us first
asked-action-inform_only = inform only

protection-ground-conviction = conviction
protection-ground-conduct = conduct

awareness-unaware = did not learn of it
awareness-aware = learned of it
awareness-not_known = not known

presence-present = is there now
presence-left = has left
presence-not_known = not known

outcome-code-refused_entry = refused entry
outcome-code-located = located
outcome-code-arrested = arrested
outcome-code-charged = charged
outcome-code-convicted = convicted
outcome-code-returned = returned
outcome-code-under_surveillance = under surveillance
outcome-code-released = released

answer-code-opened = opened
answer-code-assigned = assigned to a unit
answer-code-no_trace = no trace
answer-code-needs_information = needs information
answer-code-cannot_act = cannot act
answer-code-actioned = actioned
answer-code-misidentified = misidentified
answer-code-possible_hit = possible hit
answer-code-hit = hit

instruction-code-confirm_identity = confirm the identity
instruction-code-hold = hold
instruction-code-let_pass_and_report = let pass and report
instruction-code-hand_over = hand over
instruction-code-contact = contact us

request-purpose-prevention = to prevent offences
request-purpose-detection = to detect offences
request-purpose-investigation = to investigate an offence
request-purpose-tracing = to find a missing person
request-purpose-supervision = to supervise an offender
request-purpose-disclosure_check = disclosure check for work with children

reply-result-answered = answered
reply-result-nothing_known = nothing known
reply-result-refused = refused
reply-result-partly = answered in part

permission-act-disclose = disclose in court
permission-act-pass_on = pass on

recall-reason-wrong_person = wrong person
recall-reason-wrong_facts = wrong facts
recall-reason-sent_by_mistake = sent by mistake
recall-reason-wrong_recipients = wrong recipients
recall-reason-no_legal_basis = no legal basis
recall-reason-other = other reason

closure-reason-found = found
closure-reason-arrested = arrested
closure-reason-returned = returned
closure-reason-order_ended = order ended
closure-reason-deceased = deceased
closure-reason-other = other reason

retention-code-removed = removed
retention-code-kept = kept

service-code-maintenance = maintenance
service-code-drill = drill

admiralty-source-A = A: completely reliable
admiralty-source-B = B: usually reliable
admiralty-source-C = C: fairly reliable
admiralty-source-D = D: not usually reliable
admiralty-source-E = E: unreliable
admiralty-source-F = F: reliability cannot be judged

admiralty-information-1 = 1: confirmed by other sources
admiralty-information-2 = 2: probably true
admiralty-information-3 = 3: possibly true
admiralty-information-4 = 4: doubtful
admiralty-information-5 = 5: improbable
admiralty-information-6 = 6: truth cannot be judged

cap-urgency-immediate = immediate
cap-urgency-expected = expected
cap-urgency-future = future
cap-urgency-past = past
cap-urgency-unknown = unknown

cap-severity-extreme = extreme
cap-severity-severe = severe
cap-severity-moderate = moderate
cap-severity-minor = minor
cap-severity-unknown = unknown

cap-certainty-observed = observed
cap-certainty-likely = likely
cap-certainty-possible = possible
cap-certainty-unlikely = unlikely
cap-certainty-unknown = unknown

notice-colour-red = red: wanted persons
notice-colour-yellow = yellow: missing persons
notice-colour-blue = blue: additional information
notice-colour-black = black: unidentified bodies
notice-colour-green = green: warnings and intelligence
notice-colour-orange = orange: imminent threat
notice-colour-purple = purple: ways of offending
notice-colour-silver = silver: criminal assets (pilot)
notice-colour-un_special = special: United Nations Security Council
