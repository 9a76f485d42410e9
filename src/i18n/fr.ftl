# Noms des valeurs codées en français : LISTE-VALEUR. Les `line-...` sont des lignes affichées telles quelles.
line-do_not_alert = NE PAS ALERTER LA PERSONNE (DO NOT ALERT THE PERSON)

kind-missing_offender = délinquant disparu
kind-travel_notice = avis de voyage
kind-public_protection = protection du public
kind-restriction_order = mesure de restriction
kind-information_request = demande d'informations
kind-information_reply = réponse à une demande d'informations
kind-sighting = observation
kind-outcome = résultat
kind-update = complément
kind-correction = rectification
kind-extend = extension à d'autres
kind-recall = retrait
kind-closure = clôture
kind-answer = réponse
kind-instruction = instruction
kind-statistics = statistiques
kind-notice_of_service = avis de service

status-actual = réel
status-exercise = exercice
status-system = entre systèmes
status-test = essai

priority-routine = ordinaire
priority-priority = prioritaire
priority-urgent = urgent
priority-flash = flash

handling-H0 = H0 : uniquement pour prévenir et combattre la criminalité
handling-H1 = H1 : pas de communication en justice sans autorisation
handling-H2 = H2 : pas de diffusion sans autorisation
handling-H3 = H3 : autres restrictions

transfer-ground-adequacy = décision d'adéquation
transfer-ground-safeguards = garanties appropriées
transfer-ground-derogation = dérogation

source-reliability-A = A : fiable dans tous les cas
source-reliability-B = B : fiable dans la plupart des cas
source-reliability-C = C : non fiable dans la plupart des cas
source-reliability-X = X : ne peut être évaluée

information-reliability-1 = 1 : exactitude hors de doute
information-reliability-2 = 2 : connue personnellement de la source
information-reliability-3 = 3 : non connue personnellement de la source, mais corroborée
information-reliability-4 = 4 : ni connue personnellement ni corroborée

tlp-clear = TLP:CLEAR, peut être rendu public
tlp-green = TLP:GREEN, pour la communauté
tlp-amber = TLP:AMBER, pour l'organisation et ses clients qui ont à en connaître
tlp-amber_strict = TLP:AMBER+STRICT, pour l'organisation seule
tlp-red = TLP:RED, pour les seuls destinataires

pap-clear = PAP:CLEAR, actions sans restriction
pap-green = PAP:GREEN, mesures actives permises
pap-amber = PAP:AMBER, vérifications passives seulement
pap-red = PAP:RED, rien qui puisse être remarqué

sex-male = masculin
sex-female = féminin
sex-not_known = inconnu
sex-not_applicable = sans objet

name-kind-legal = nom légal
name-kind-birth = nom de naissance
name-kind-alias = nom d'emprunt

name-quality-good = confirmé
name-quality-low = non confirmé

document-category-passport = passeport
document-category-identity_card = carte d'identité
document-category-residence_permit = titre de séjour
document-category-visa = visa
document-category-driving_licence = permis de conduire
document-category-refugee_document = document de voyage de réfugié ou d'apatride
document-category-other = autre document

document-status-valid = valable
document-status-surrendered = remis aux autorités
document-status-lost = perdu
document-status-stolen = volé
document-status-invalidated = invalidé

child-contact-none = pas de contact avec des enfants
child-contact-works_with_children = travaille avec des enfants
child-contact-not_known = inconnu

reach-kind-telephone = téléphone
reach-kind-mail = courrier électronique
reach-kind-internet_identifier = identifiant internet

risk-level-low = faible
risk-level-medium = moyen
risk-level-high = élevé
risk-level-very_high = très élevé

warning-kind-armed = armé
warning-kind-violent = violent
warning-kind-absconded = en fuite ou évadé
warning-kind-suicide_risk = risque de suicide
warning-kind-public_health_threat = menace pour la santé publique
warning-kind-terrorism = impliqué dans le terrorisme
warning-kind-danger_to_children = danger pour les enfants

supervision-only_supervised = seulement sous surveillance
supervision-none_allowed = pas même sous surveillance

travel-scope-named = les pays désignés
travel-scope-all_but_named = tous les pays sauf ceux désignés
travel-scope-all = tous les pays

victim-age-under_6 = moins de 6 ans
victim-age-6_to_12 = de 6 à 12 ans
victim-age-13_to_15 = de 13 à 15 ans
victim-age-16_to_17 = 16 ou 17 ans
victim-age-adult = 18 ans ou plus
victim-age-not_known = inconnu

offence-class-rape = viol
offence-class-sexual_abuse = abus sexuel
offence-class-sexual_exploitation = exploitation sexuelle
offence-class-grooming = sollicitation d’enfants
offence-class-abuse_material = contenus d’abus
offence-class-other_sexual = autre infraction sexuelle
offence-class-breach = violation d’une mesure ou de l’inscription
offence-class-other = autre infraction
offence-class-not_stated = non précisée

prior-report-missing = signalé disparu auparavant
prior-report-none = non signalé disparu auparavant

asked-action-arrest_for_extradition = arrestation aux fins d'extradition
asked-action-refuse_entry = refus d'entrée
asked-action-specific_check = contrôle spécifique
asked-action-inquiry_check = contrôle d'investigation
asked-action-discreet_check = contrôle discret
asked-action-keep_under_surveillance = maintien sous surveillance
asked-action-locate_and_report = localiser et signaler
asked-action-contact_us_first = nous contacter d'abord
asked-action-inform_only = pour information seulement

protection-ground-conviction = condamnation
protection-ground-conduct = comportement

awareness-unaware = n'en a pas eu connaissance
awareness-aware = en a eu connaissance
awareness-not_known = inconnu

presence-present = s'y trouve actuellement
presence-left = est reparti
presence-not_known = inconnu

outcome-code-refused_entry = entrée refusée
outcome-code-located = localisé
outcome-code-arrested = arrêté
outcome-code-charged = mis en accusation
outcome-code-convicted = condamné
outcome-code-returned = renvoyé
outcome-code-under_surveillance = sous surveillance
outcome-code-released = remis en liberté

answer-code-opened = ouvert
answer-code-assigned = confié à une unité
answer-code-no_trace = aucune trace
answer-code-needs_information = informations nécessaires
answer-code-cannot_act = impossible d'agir
answer-code-actioned = exécuté
answer-code-misidentified = erreur sur la personne
answer-code-possible_hit = concordance possible
answer-code-hit = concordance

instruction-code-confirm_identity = confirmer l'identité
instruction-code-hold = retenir
instruction-code-let_pass_and_report = laisser passer et signaler
instruction-code-hand_over = remettre
instruction-code-contact = nous contacter

request-purpose-prevention = prévenir des infractions
request-purpose-detection = détecter des infractions
request-purpose-investigation = enquêter sur une infraction
request-purpose-tracing = retrouver une personne disparue
request-purpose-supervision = suivre un délinquant
request-purpose-disclosure_check = vérification avant un travail avec des enfants

reply-result-answered = répondu
reply-result-nothing_known = rien de connu
reply-result-refused = refusé
reply-result-partly = répondu en partie

permission-act-disclose = produire en justice
permission-act-pass_on = transmettre à d'autres

recall-reason-wrong_person = erreur de personne
recall-reason-wrong_facts = faits inexacts
recall-reason-sent_by_mistake = envoyé par erreur
recall-reason-wrong_recipients = mauvais destinataires
recall-reason-no_legal_basis = sans base légale
recall-reason-other = autre motif

closure-reason-found = retrouvé
closure-reason-arrested = arrêté
closure-reason-returned = renvoyé
closure-reason-order_ended = mesure expirée
closure-reason-deceased = décédé
closure-reason-other = autre motif

retention-code-removed = supprimé
retention-code-kept = conservé

service-code-maintenance = maintenance
service-code-drill = exercice

admiralty-source-A = A : tout à fait fiable
admiralty-source-B = B : habituellement fiable
admiralty-source-C = C : assez fiable
admiralty-source-D = D : pas habituellement fiable
admiralty-source-E = E : non fiable
admiralty-source-F = F : fiabilité impossible à apprécier

admiralty-information-1 = 1 : confirmée par d'autres sources
admiralty-information-2 = 2 : probablement vraie
admiralty-information-3 = 3 : peut-être vraie
admiralty-information-4 = 4 : douteuse
admiralty-information-5 = 5 : improbable
admiralty-information-6 = 6 : véracité impossible à apprécier

cap-urgency-immediate = immédiate
cap-urgency-expected = attendue
cap-urgency-future = future
cap-urgency-past = passée
cap-urgency-unknown = inconnue

cap-severity-extreme = extrême
cap-severity-severe = grave
cap-severity-moderate = modérée
cap-severity-minor = mineure
cap-severity-unknown = inconnue

cap-certainty-observed = observée
cap-certainty-likely = probable
cap-certainty-possible = possible
cap-certainty-unlikely = peu probable
cap-certainty-unknown = inconnue

notice-colour-red = rouge : personnes recherchées
notice-colour-yellow = jaune : personnes disparues
notice-colour-blue = bleue : complément d'information
notice-colour-black = noire : corps non identifiés
notice-colour-green = verte : avertissements et renseignement
notice-colour-orange = orange : menace imminente
notice-colour-purple = mauve : modes opératoires
notice-colour-silver = argent : avoirs criminels (pilote)
notice-colour-un_special = spéciale : Conseil de sécurité des Nations unies
